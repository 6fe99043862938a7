import type { ConfigMap, Secret } from "@vextir/operator/kinds.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import type { Pod } from "@vextir/operator/workloads.ts";
import type { ObjectStore } from "../store/object-store.ts";
import type { PodOptions } from "./pod.ts";
import { PodError } from "./pod-error.ts";
import type { PodTokens } from "./tokens.ts";

/** What a pod's volumes and environment are filled from. */
export function podSources(
  store: ObjectStore,
  tokens: PodTokens,
  { metadata, spec }: Pod,
): PodOptions["sources"] {
  const namespace = metadata.namespace ?? "default";
  const { name, uid = "" } = metadata;
  const account = spec.serviceAccountName ?? "default";
  return {
    configMap: (of) => store.get(KINDS.ConfigMap, { namespace, name: of }),
    secret: (of) => store.get(KINDS.Secret, { namespace, name: of }),
    fields: podFields({ metadata, spec } as Pod, namespace),
    token: async (audience, expirationSeconds) => {
      const found = store.get(KINDS.ServiceAccount, { namespace, name: account });
      if (!found?.metadata.uid) throw new PodError("Config", `ServiceAccount ${account} does not exist`);
      const serviceAccount = { name: account, uid: found.metadata.uid };
      return tokens.sign({ namespace, pod: { name, uid }, serviceAccount, audience, expirationSeconds });
    },
  };
}

/** Whether the pod's volumes hold something of this ConfigMap or Secret. Its environment is that of its start. */
export function readsFrom({ spec }: Pod, { kind, metadata: { name } }: ConfigMap | Secret): boolean {
  return (spec.volumes ?? []).some(({ configMap, secret, projected }) => {
    if (kind === "ConfigMap")
      return configMap?.name === name || projected?.sources.some((source) => source.configMap?.name === name);
    return secret?.secretName === name || projected?.sources.some((source) => source.secret?.name === name);
  });
}

/** Paths of Kubernetes' downward API. */
function podFields({ metadata, spec }: Pod, namespace: string): ReadonlyMap<string, string> {
  const keyed = (field: string, values: Record<string, string> = {}) =>
    Object.entries(values).map(([name, value]) => [`metadata.${field}['${name}']`, value] as const);
  return new Map([
    ["metadata.name", metadata.name],
    ["metadata.namespace", namespace],
    ["metadata.uid", metadata.uid ?? ""],
    ["spec.serviceAccountName", spec.serviceAccountName ?? "default"],
    ["spec.nodeName", "localhost"],
    ["status.podIP", "127.0.0.1"],
    ["status.hostIP", "127.0.0.1"],
    ...keyed("labels", metadata.labels),
    ...keyed("annotations", metadata.annotations),
  ]);
}
