import type { Driver } from "@vextir/api";
import type { BusAuthority } from "../bus/authority.ts";
import type { Autoscaler } from "../scaling/autoscaler.ts";
import type { Observed } from "./observed.ts";
import type { Accepted } from "./review.ts";

/** What the autoscaler says of a Driver. */
export interface Scaled {
  replicas: number;
  /** Why its lag is not known. */
  trouble: string | undefined;
}

interface ScaledParts {
  bus: Pick<BusAuthority, "consumersOf">;
  scaler: Pick<Autoscaler, "observe">;
}

/** How many pods the autoscaler wants; undefined: it has no say in this Driver. */
export function scaledPods(
  { bus, scaler }: ScaledParts,
  driver: Driver,
  { spec, manifest }: Accepted,
  observed: Observed,
): Scaled | undefined {
  const { name, namespace = "", uid = "" } = driver.metadata;
  const { scaling } = spec;
  if (!scaling) return undefined;
  const deployment = observed.deployment(driver);
  // The first pod of new code tells what it is.
  const needed = manifest ? 0 : 1;
  const deployed = deployment?.spec.replicas;
  const consumers = bus.consumersOf(uid);
  if (!consumers)
    return { replicas: Math.max(needed, deployed ?? 0), trouble: "its consumers are not known yet" };
  return scaler.observe({
    ...{ name, namespace, uid, scaling, consumers, deployed, needed },
    readyReplicas: deployment?.status?.readyReplicas ?? 0,
    graceMs: spec.terminationGracePeriodSeconds * 1_000,
  });
}
