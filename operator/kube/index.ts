import { type AccessOptions, openAccess } from "./access.ts";
import { HttpClient, type HttpClientOptions } from "./http-client.ts";
import { KubeApi } from "./kube-api.ts";

export { type AccessOptions, type ApiAccess, openAccess } from "./access.ts";
export { KubeAccessControl } from "./access-control.ts";
export { HttpClient, type HttpClientOptions } from "./http-client.ts";
export { FIELD_MANAGER, KubeApi } from "./kube-api.ts";
export { KubeCluster, type KubeClusterOptions } from "./kube-cluster.ts";
export { LeaderElection, type LeaderElectionOptions, type LeaderWork } from "./leader-election.ts";
export { objectPath } from "./resource-path.ts";
export { type TokenIdentity, TokenReviewer } from "./token-review.ts";

/** The API server that a pod, `KUBECONFIG` or `~/.kube/config` names. Connects with the first request. */
export async function openKubeApi(
  options: AccessOptions & HttpClientOptions = {},
): Promise<{ api: KubeApi; namespace: string }> {
  const access = await openAccess(options);
  return { api: new KubeApi(new HttpClient(access, options)), namespace: access.namespace };
}
