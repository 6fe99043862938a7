import { existsSync } from "node:fs";
import type { Agent } from "node:http";
import { homedir } from "node:os";
import { join } from "node:path";
import { KubeconfigAccess } from "./kubeconfig-access.ts";
import { ServiceAccountAccess } from "./service-account-access.ts";

/** What one request needs to be let in. */
export interface Credentials {
  headers: Readonly<Record<string, string>>;
  tls: TlsIdentity;
  /** Set where a proxy stands between: its agent replaces ours. */
  agent?: Agent;
}

export interface TlsIdentity {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  rejectUnauthorized?: boolean;
  servername?: string;
}

/** Where the API server is and how to be let in. */
export interface ApiAccess {
  /** May hold a path that all requests begin with. */
  readonly server: URL;
  /** The namespace that is meant where none is named. */
  readonly namespace: string;
  credentials(): Promise<Credentials>;
  /** The server answered 401: what is remembered is of no use. */
  refused(): void;
}

export interface AccessOptions {
  /** Path of a kubeconfig. */
  kubeconfig?: string;
  /** Default: the kubeconfig's current context. */
  context?: string;
  env?: NodeJS.ProcessEnv;
  /** Where the kubelet mounts the pod's token. */
  serviceAccountDir?: string;
}

const SERVICE_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * Finds the API server in the order that controllers do: the kubeconfig that is named, `KUBECONFIG`, the pod's
 * ServiceAccount, `~/.kube/config`.
 *
 * @throws ClusterError `Unavailable` when there is none of them, or the kubeconfig can't be read.
 */
export async function openAccess(options: AccessOptions = {}): Promise<ApiAccess> {
  const { env = process.env, context, serviceAccountDir = SERVICE_ACCOUNT_DIR } = options;
  const named = options.kubeconfig ?? env["KUBECONFIG"];
  if (!named && env["KUBERNETES_SERVICE_HOST"] && existsSync(join(serviceAccountDir, "token"))) {
    return new ServiceAccountAccess(env, serviceAccountDir);
  }
  return KubeconfigAccess.load(named || join(env["HOME"] ?? homedir(), ".kube/config"), context);
}
