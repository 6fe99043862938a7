import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { join } from "node:path";
import { ClusterError } from "../cluster.ts";
import type { ApiAccess, Credentials } from "./access.ts";

/** The kubelet renews a token when a fifth of its time is left; client-go looks once a minute too. */
const REREAD_MS = 60_000;

/**
 * A pod's own ServiceAccount. client-node could read it as well, but loading it costs 37 MiB, which the operator's own mode
 * need not pay.
 */
export class ServiceAccountAccess implements ApiAccess {
  readonly server: URL;
  readonly namespace: string;
  readonly #dir: string;
  readonly #now: () => number;
  #last: { at: number; credentials: Credentials } | undefined;

  constructor(env: NodeJS.ProcessEnv, dir: string, now: () => number = () => performance.now()) {
    const host = env["KUBERNETES_SERVICE_HOST"] ?? "";
    const port = env["KUBERNETES_SERVICE_PORT_HTTPS"] ?? env["KUBERNETES_SERVICE_PORT"] ?? "443";
    this.server = new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`);
    this.#dir = dir;
    this.#now = now;
    this.namespace = this.#read("namespace");
  }

  async credentials(): Promise<Credentials> {
    if (this.#last && this.#now() - this.#last.at < REREAD_MS) return this.#last.credentials;
    const credentials: Credentials = {
      headers: { authorization: `Bearer ${this.#read("token")}` },
      tls: { ca: this.#read("ca.crt") },
    };
    this.#last = { at: this.#now(), credentials };
    return credentials;
  }

  refused(): void {
    this.#last = undefined;
  }

  #read(name: string): string {
    const path = join(this.#dir, name);
    try {
      return readFileSync(path, "utf8").trim();
    } catch (cause) {
      throw new ClusterError("Unavailable", `${path} of the pod's ServiceAccount can't be read`, { cause });
    }
  }
}
