import type { Agent } from "node:http";
import type { RequestOptions } from "node:https";
import { delimiter } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { ClusterError } from "../cluster.ts";
import type { ApiAccess, Credentials, TlsIdentity } from "./access.ts";

/** A kubeconfig's files are not read for every request; a token that expired earlier is renewed after the server's 401. */
const REREAD_MS = 10_000;

/** Access by a kubeconfig: certificates, tokens, basic authentication and exec plugins, as client-node knows them. */
export class KubeconfigAccess implements ApiAccess {
  readonly server: URL;
  readonly namespace: string;
  readonly #load: () => Promise<KubeConfig>;
  readonly #now: () => number;
  #config: KubeConfig | undefined;
  #last: { at: number; credentials: Promise<Credentials> } | undefined;

  private constructor(config: KubeConfig, load: () => Promise<KubeConfig>, now: () => number) {
    const cluster = config.getCurrentCluster();
    if (!cluster) {
      throw new ClusterError(
        "Unavailable",
        `the kubeconfig's context "${config.getCurrentContext()}" names no cluster`,
      );
    }
    this.server = new URL(cluster.server);
    this.namespace = config.getContextObject(config.getCurrentContext())?.namespace ?? "default";
    this.#config = config;
    this.#load = load;
    this.#now = now;
  }

  /** `path` may hold several, as `KUBECONFIG` does. */
  static async load(
    path: string,
    context?: string,
    now = () => performance.now(),
  ): Promise<KubeconfigAccess> {
    const load = () => readKubeconfig(path, context);
    return new KubeconfigAccess(await load(), load, now);
  }

  credentials(): Promise<Credentials> {
    if (this.#last && this.#now() - this.#last.at < REREAD_MS) return this.#last.credentials;
    const credentials = this.#authenticate();
    this.#last = { at: this.#now(), credentials };
    credentials.catch(() => this.refused());
    return credentials;
  }

  /** An exec plugin's token may be remembered for ever, so the kubeconfig is read anew. */
  refused(): void {
    this.#last = undefined;
    this.#config = undefined;
  }

  async #authenticate(): Promise<Credentials> {
    this.#config ??= await this.#load();
    const options: RequestOptions = {};
    try {
      await this.#config.applyToHTTPSOptions(options);
    } catch (cause) {
      const user = this.#config.getCurrentUser()?.name;
      throw new ClusterError("Unavailable", `the kubeconfig's user "${user}" can't be authenticated`, {
        cause,
      });
    }
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {}))
      headers[name.toLowerCase()] = `${value}`;
    if (options.auth) headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    const proxied = this.#config.getCurrentCluster()?.proxyUrl;
    return { headers, tls: tlsOf(options), ...(proxied && { agent: options.agent as Agent }) };
  }
}

function tlsOf({ ca, cert, key, rejectUnauthorized, servername }: RequestOptions): TlsIdentity {
  return {
    ...(ca && { ca: ca as Buffer }),
    ...(cert && { cert: cert as Buffer }),
    ...(key && { key: key as Buffer }),
    ...(rejectUnauthorized !== undefined && { rejectUnauthorized }),
    ...(servername && { servername }),
  };
}

async function readKubeconfig(paths: string, context?: string): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const [first = "", ...others] = paths.split(delimiter).filter(Boolean);
  try {
    config.loadFromFile(first);
    for (const path of others) {
      const further = new KubeConfig();
      further.loadFromFile(path);
      config.mergeConfig(further, true);
    }
  } catch (cause) {
    throw new ClusterError("Unavailable", `the kubeconfig ${paths} can't be read`, { cause });
  }
  if (context) config.setCurrentContext(context);
  return config;
}
