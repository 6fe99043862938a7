import http from "node:http";
import type { Logger } from "pino";
import { TokenFile } from "../bus/token-file.ts";
import { Failures } from "./failures.ts";
import { Forwarder } from "./forwarder.ts";

export interface EgressOptions {
  /** Of the egress proxy. */
  url: string;
  caFile: string;
  tokenFile: string;
  log: Logger;
}

const LOOPBACK = "localhost,127.0.0.1,::1";

/**
 * Leads this process' HTTP clients, and those of its children, through the egress proxy: `fetch`, `node:http` and `node:https` with
 * their own agents, and whatever knows HTTPS_PROXY. Call it before the driver's code is loaded. A host that is refused reaches the code
 * as a `DriverError` from `fetch`, and as the proxy's words in the error of other clients.
 */
export async function openEgress({ url, caFile, tokenFile, log }: EgressOptions): Promise<Forwarder> {
  const failures = new Failures();
  const forwarder = new Forwarder({
    proxy: { url: new URL(url), caFile, token: new TokenFile(tokenFile) },
    failed: (authority, failure) => {
      failures.add(authority, failure);
      log.debug({ authority, reason: failure.reason }, "no tunnel was opened");
    },
  });
  const own = await forwarder.listen();
  for (const name of ["HTTPS_PROXY", "HTTP_PROXY"]) setVariable(name, own);
  setVariable("NO_PROXY", LOOPBACK);
  // For children that are Node's; this process has read it already.
  process.env["NODE_USE_ENV_PROXY"] = "1";
  http.setGlobalProxyFromEnv(process.env);
  globalThis.fetch = explaining(globalThis.fetch, failures);
  log.info({ proxy: url }, "what leaves the cluster goes through the egress proxy");
  return forwarder;
}

/** Some programs know only the one, some only the other. */
function setVariable(name: string, value: string): void {
  process.env[name] = value;
  process.env[name.toLowerCase()] = value;
}

function explaining(original: typeof fetch, failures: Failures): typeof fetch {
  return async function fetch(input, init) {
    try {
      return await original(input, init);
    } catch (error) {
      const url = URL.parse(input instanceof Request ? input.url : String(input));
      throw failures.explain(error, url) ?? error;
    }
  };
}
