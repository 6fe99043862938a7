import type { PodInHand } from "@vextir/api";
import type { Pod } from "../workloads.ts";

/** Which of a driver's pods may go. */
export interface Removal {
  /** How many may go. */
  removable: number;
  /** Pod -> `controller.kubernetes.io/pod-deletion-cost`: the cheapest go first. */
  costs: ReadonlyMap<string, number>;
}

/** A pod that must not go, as far as the cost can say so. */
const BUSY_COST = 1_000_000;
/** Work that took no longer than this part of the grace period until now is done before it is over. */
const SAFE_PART = 1 / 2;

/**
 * A pod may go when it has nothing in hand, or only what its grace period is enough for by all that was seen of it. Of a pod that
 * doesn't answer that is known only when the bus says that nothing at all is in flight.
 */
export function removalOf(
  pods: readonly Pod[],
  answers: ReadonlyMap<string, PodInHand>,
  { inFlight, graceMs }: { inFlight: number; graceMs: number },
): Removal {
  const costs = new Map<string, number>();
  let removable = 0;
  for (const pod of pods.filter(({ metadata }) => !metadata.deletionTimestamp)) {
    const cost = costOf(pod, answers.get(pod.metadata.name), inFlight, graceMs);
    costs.set(pod.metadata.name, cost);
    if (cost < BUSY_COST) removable++;
  }
  return { removable, costs };
}

function costOf(pod: Pod, answer: PodInHand | undefined, inFlight: number, graceMs: number): number {
  if (!answer) return inFlight === 0 || !hasStarted(pod) ? 0 : BUSY_COST;
  const { events, calls, longestMs } = answer;
  const inHand = events + calls;
  if (inHand === 0) return 0;
  return longestMs <= graceMs * SAFE_PART ? Math.min(inHand, BUSY_COST - 1) : BUSY_COST + inHand;
}

/** Of a pod without a running container nothing is handled. */
const hasStarted = ({ status }: Pod) =>
  status?.containerStatuses?.some(({ state, ready }) => ready || state?.running !== undefined) ?? false;
