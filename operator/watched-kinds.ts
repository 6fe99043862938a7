import type { Driver, KubeObject } from "@vextir/api";
import type { Kind } from "./cluster.ts";
import { type ConfigMap, KINDS, type ResourceQuota, type ServiceAccount } from "./kinds.ts";
import { MANAGED } from "./labels.ts";
import type { Pod } from "./workloads.ts";

const managed = <T extends KubeObject>(kind: Kind<T>): Kind<T> => ({ ...kind, labels: MANAGED });

/** Of a pod only what tells why it doesn't run: a thousand whole pods are tens of megabytes. */
function keepOfPod({ apiVersion, kind, metadata, status = {} }: Pod): Pod {
  const { name, namespace, uid, resourceVersion, labels, ownerReferences, deletionTimestamp } = metadata;
  const { phase, reason, message, conditions, containerStatuses = [], initContainerStatuses = [] } = status;
  const states = (list: typeof containerStatuses) =>
    list.map(({ name, ready, restartCount, state, lastState }) => ({
      name,
      ready,
      restartCount,
      ...(state && { state }),
      ...(lastState && { lastState }),
    }));
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace && { namespace }),
      ...(uid && { uid }),
      ...(resourceVersion && { resourceVersion }),
      ...(labels && { labels }),
      ...(ownerReferences && { ownerReferences }),
      ...(deletionTimestamp && { deletionTimestamp }),
    },
    spec: { containers: [] },
    status: {
      ...(phase && { phase }),
      ...(reason && { reason }),
      ...(message && { message }),
      conditions: (conditions ?? []).filter((condition) => condition.status !== "True"),
      containerStatuses: states(containerStatuses),
      initContainerStatuses: states(initContainerStatuses),
    },
  };
}

/** Who it is, whether it is about to go, and whose it is. */
function keepOfName<T extends KubeObject>(object: T): T {
  const { apiVersion, kind, metadata } = object;
  const { name, namespace, uid, deletionTimestamp, ownerReferences } = metadata;
  const kept = {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace && { namespace }),
      ...(uid && { uid }),
      ...(deletionTimestamp && { deletionTimestamp }),
      ...(ownerReferences && { ownerReferences }),
    },
  };
  return kept as unknown as T;
}

/** The uid alone, which tells one pod from the next of its name. */
function keepOfUid<T extends KubeObject>({ apiVersion, kind, metadata }: T): T {
  const { name, namespace, uid } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, ...(namespace && { namespace }), ...(uid && { uid }) },
  } as unknown as T;
}

/** What decides where a Driver may go, beside who it is. */
function keepOfGrants(driver: Driver): Driver {
  const { generation } = driver.metadata;
  const { metadata, ...named } = keepOfName(driver);
  const { allowedHosts = [] } = driver.spec?.capabilities ?? {};
  const accepted = driver.status?.conditions?.filter(({ type }) => type === "Accepted") ?? [];
  return {
    ...named,
    metadata: { ...metadata, ...(generation !== undefined && { generation }) },
    spec: { capabilities: { allowedHosts } } as Driver["spec"],
    status: { conditions: accepted },
  };
}

/** How much may be used, and is. */
function keepOfQuota(quota: ResourceQuota): ResourceQuota {
  const { spec = {}, status = {} } = quota;
  const { hard, used } = status;
  return { ...keepOfName(quota), spec, status: { ...(hard && { hard }), ...(used && { used }) } };
}

/** What policies select namespaces by. */
function keepOfNamespace(object: KubeObject): KubeObject {
  const { metadata, ...rest } = keepOfName(object);
  const { labels } = object.metadata;
  return { ...rest, metadata: { ...metadata, ...(labels && { labels }) } };
}

/** The operator's own objects, the only ones of these kinds that its caches hold. */
export const WATCHED = {
  Deployment: managed(KINDS.Deployment),
  Service: managed(KINDS.Service),
  ServiceAccount: managed(KINDS.ServiceAccount),
  PodDisruptionBudget: managed(KINDS.PodDisruptionBudget),
  NetworkPolicy: managed(KINDS.NetworkPolicy),
  /** Templates are immutable and manifests are read when needed: names suffice. */
  ConfigMap: { ...managed(KINDS.ConfigMap), metadataOnly: true },
  Pod: { ...managed(KINDS.Pod), keep: keepOfPod },
  /** Every Driver: name, uid, whether it is being deleted. */
  DriverName: { ...KINDS.Driver, metadataOnly: true, keep: keepOfName } as Kind<Driver>,
  /** Every Driver: who it is, the hosts that it lists, whether it is accepted. */
  DriverGrants: { ...KINDS.Driver, keep: keepOfGrants } as Kind<Driver>,
  /** Every driver's ServiceAccount: name, uid, owner. */
  ServiceAccountName: {
    ...managed(KINDS.ServiceAccount),
    metadataOnly: true,
    keep: keepOfName,
  } as Kind<ServiceAccount>,
  /** Every driver's pod: name and uid. */
  PodName: { ...managed(KINDS.Pod), metadataOnly: true, keep: keepOfUid } as Kind<Pod>,
  ResourceQuota: { ...KINDS.ResourceQuota, keep: keepOfQuota },
  LimitRange: KINDS.LimitRange,
  /** Every namespace's labels. */
  Namespace: { ...KINDS.Namespace, metadataOnly: true, keep: keepOfNamespace } as Kind<KubeObject>,
  /** Every ConfigMap, for its changes alone: a Driver may name any of its namespace as its source. */
  AnyConfigMap: { ...KINDS.ConfigMap, metadataOnly: true, keep: () => undefined } as Kind<ConfigMap>,
} as const;
