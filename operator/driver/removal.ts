import type { Driver } from "@vextir/api";
import type { BusAuthority } from "../bus/authority.ts";
import type { Clock } from "../clock.ts";
import type { Cluster } from "../cluster.ts";
import { removeFinalizer } from "../finalizers.ts";
import { KINDS } from "../kinds.ts";
import { WATCHED } from "../watched-kinds.ts";
import { type BusOutcome, outcomeOf } from "./bus-access.ts";
import { CHILD_KINDS } from "./children/children.ts";
import { FINALIZER } from "./names.ts";
import { isOwn, Observed } from "./observed.ts";
import { deleteAll } from "./rollout.ts";

/** Pods that end at once can still say what became of what they have in hand; a revocation waits no longer. */
const DRAIN_MS = 1_000;

/** How far a deletion is. */
export type RemovalOutcome = { state: "gone" } | { state: "draining" } | { state: "failed"; bus: BusOutcome };

/**
 * Takes away a deleted Driver's objects, then what it has on the bus, and lets it go when all of that succeeded. Until then the
 * finalizer stays: what it stands for can't be found any more once the object is gone.
 */
export async function remove(
  parts: { cluster: Cluster; bus: BusAuthority; clock: Clock },
  driver: Driver,
): Promise<RemovalOutcome> {
  const { cluster, bus, clock } = parts;
  const { name, namespace = "", uid = "", finalizers = [], deletionTimestamp = "" } = driver.metadata;
  if (!finalizers.includes(FINALIZER)) return { state: "gone" };
  const observed = await Observed.of(cluster, driver);
  // `kubectl delete --cascade=orphan` wants them to stay.
  if (!finalizers.includes("orphan")) {
    const own = CHILD_KINDS.flatMap((kind) => observed.list(kind)).filter((object) => isOwn(object, driver));
    await deleteAll(cluster, own);
    const running = observed.pods.some((pod) => pod.status?.phase === "Running");
    const ageMs = clock.now() - Date.parse(deletionTimestamp);
    // Clocks differ: one that is behind doesn't prolong it.
    if (running && ageMs >= 0 && ageMs < DRAIN_MS) return { state: "draining" };
  }
  const outcome = await outcomeOf(() => bus.removeDriver({ namespace, name, uid }));
  if (outcome.state !== "ready") return { state: "failed", bus: outcome };
  await removeFinalizer(cluster, KINDS.Driver, driver);
  return { state: "gone" };
}

/** What a pod runs by. NetworkPolicy and Service stay for those that are still ending, templates for the day of return. */
const RUNS_BY = [WATCHED.Deployment, WATCHED.ServiceAccount, WATCHED.PodDisruptionBudget];

/**
 * Takes away what a Driver that is not admitted can act by: its account on the bus, at once, then its pods. Consumers and bucket stay
 * for the day when it is admitted again.
 */
export async function revoke(
  { cluster, bus }: { cluster: Cluster; bus: BusAuthority },
  driver: Driver,
): Promise<{ bus: BusOutcome; observed: Observed }> {
  const { name, namespace = "", uid = "" } = driver.metadata;
  const outcome = await outcomeOf(() => bus.removeDriverAccount({ namespace, name, uid }));
  const observed = await Observed.of(cluster, driver);
  const running = RUNS_BY.flatMap((kind) => observed.list(kind)).filter((object) => isOwn(object, driver));
  await deleteAll(cluster, running);
  return { bus: outcome, observed };
}
