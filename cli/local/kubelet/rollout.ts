/** A pod as the rollout sees it. */
export interface RolloutPod {
  name: string;
  /** Hash of the template it was made from. */
  template: string;
  ready: boolean;
  terminating: boolean;
  /** Milliseconds since 1970. */
  createdAt: number;
  /** Its `controller.kubernetes.io/pod-deletion-cost`; default 0. */
  cost?: number;
}

export interface RolloutStep {
  create: number;
  terminate: string[];
}

/**
 * The next step of a rolling update with one pod more than wanted and none fewer (maxSurge 1, maxUnavailable 0), by the rules of
 * Kubernetes' Deployment controller: ready pods of the old template stay until new ones are ready.
 */
export function rolloutStep(replicas: number, template: string, pods: readonly RolloutPod[]): RolloutStep {
  const alive = pods.filter((pod) => !pod.terminating).sort(leastWanted);
  const current = alive.filter((pod) => pod.template === template);
  const old = alive.filter((pod) => pod.template !== template);
  const surplus = current.slice(0, Math.max(0, current.length - replicas));
  const kept = current.slice(surplus.length);
  const room = replicas + (old.length > 0 && replicas > 0 ? 1 : 0) - kept.length - old.length;
  const create = Math.max(0, Math.min(replicas - kept.length, room));
  return { create, terminate: [...surplus, ...spareOld(replicas, kept, old)].map((pod) => pod.name) };
}

/** Old pods that may go: those that don't serve, as long as enough pods are left that may come to serve, then ready ones. */
function spareOld(
  replicas: number,
  current: readonly RolloutPod[],
  old: readonly RolloutPod[],
): RolloutPod[] {
  const ready = (pods: readonly RolloutPod[]) => pods.filter((pod) => pod.ready).length;
  const currentUnready = current.length - ready(current);
  const most = Math.max(0, current.length + old.length - replicas - currentUnready);
  const broken = old.filter((pod) => !pod.ready).slice(0, most);
  const available = ready(current) + ready(old);
  const serving = old
    .filter((pod) => pod.ready)
    .slice(0, Math.max(0, Math.min(available - replicas, most - broken.length)));
  return [...broken, ...serving];
}

/** Pods that are not ready go first, then those that cost least, then the newest. */
const leastWanted = (a: RolloutPod, b: RolloutPod) =>
  Number(a.ready) - Number(b.ready) ||
  (a.cost ?? 0) - (b.cost ?? 0) ||
  b.createdAt - a.createdAt ||
  (a.name < b.name ? -1 : 1);
