import type { Scaling } from "@vextir/api";
import type { DriverConsumer, DriverIdentity } from "../bus/authority.ts";

/** A Driver with `spec.scaling`, as its reconciler saw it last. */
export interface ScaledDriver extends DriverIdentity {
  scaling: Scaling;
  consumers: readonly DriverConsumer[];
  /** Pods that its Deployment wants; undefined: there is no Deployment yet. */
  deployed: number | undefined;
  readyReplicas: number;
  /** Pods that are needed whatever waits: 1 as long as nobody knows what its code says of itself. */
  needed: number;
  /** Milliseconds that a pod has to finish what it has in hand. */
  graceMs: number;
}

/**
 * The subject on which a message is heard that a consumer with this filter is to be given: events are heard when they are stored, from
 * the stream's republishing; other streams' messages as they come.
 */
export const wakeSubject = (filterSubject: string) =>
  filterSubject.startsWith("evt.") ? `pub.${filterSubject.slice("evt.".length)}` : filterSubject;
