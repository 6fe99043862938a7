import { readFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";

/** Where every pod with a ServiceAccount's token finds the API server. */
export interface ClusterAddress {
  url: string;
  /** The hub's own token; renewed by the kubelet. */
  tokenFile: string;
  caFile: string;
}

const FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";
const ANSWER_MS = 2_500;
/** The cluster's keys and reviews are a few kilobytes. */
const MAX_BYTES = 1_048_576;

/** @throws TypeError outside of a cluster */
export function clusterAddress(env: NodeJS.ProcessEnv): ClusterAddress {
  const [host, port = "443"] = [env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT_HTTPS"]];
  if (!host)
    throw new TypeError(
      "VEXTIR_HUB_TOKEN_ISSUER and VEXTIR_HUB_TOKEN_KEYS must be set: this is no cluster, whose API server would be asked about tokens",
    );
  return {
    url: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    tokenFile: join(FOLDER, "token"),
    caFile: join(FOLDER, "ca.crt"),
  };
}

/** The little that the hub asks of the API server. */
export class ClusterApi {
  readonly #address: ClusterAddress;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 16 });

  constructor(address: ClusterAddress) {
    this.#address = address;
  }

  /** The answer's JSON. @throws Error when there is none in time, or it is no success. */
  async call(method: "GET" | "POST", path: string, body?: object): Promise<unknown> {
    const { url, tokenFile, caFile } = this.#address;
    const [token, ca] = await Promise.all([readFile(tokenFile, "utf8"), readFile(caFile, "utf8")]);
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const headers = {
      authorization: `Bearer ${token.trim()}`,
      accept: "application/json, application/jwk-set+json",
      ...(body && { "content-type": "application/json" }),
    };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const asked = request(new URL(path, url), { method, headers, ca, signal, agent: this.#agent });
    asked.once("error", reject);
    asked.once("response", (answer) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      answer.on("error", reject);
      answer.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > MAX_BYTES) answer.destroy(new Error(`${method} ${path}: more than ${MAX_BYTES} bytes`));
        parts.push(part);
      });
      answer.once("end", () => {
        const { statusCode = 0 } = answer;
        if (statusCode >= 300) reject(new Error(`${method} ${path} was answered with ${statusCode}`));
        else resolve(Buffer.concat(parts).toString());
      });
    });
    asked.end(body && JSON.stringify(body));
    return JSON.parse((await promise) as string);
  }

  close(): void {
    this.#agent.destroy();
  }
}
