import type { Condition, Driver, DriverConditionType, DriverStatus, Manifest } from "@vextir/api";
import { conditions, type Finding, no, summary, unknown, yes } from "../../conditions.ts";
import type { Release } from "../../release.ts";
import type { Deployment, Pod } from "../../workloads.ts";
import type { BusOutcome } from "../bus-access.ts";
import type { Shortage } from "../capacity/fit.ts";
import { podSelector } from "../names.ts";
import type { Refused, Review } from "../review.ts";
import type { Scaled } from "../scaled-pods.ts";
import { egressEnforced } from "./egress-enforced.ts";
import { runtimeHealth } from "./runtime-health.ts";

export interface StatusInput {
  driver: Driver;
  review: Review;
  bus: BusOutcome;
  deployment: Deployment | undefined;
  pods: readonly Pod[];
  /** Why the namespace has no room for the pods that are wanted. */
  shortage?: Shortage | undefined;
  /** Set when a quota or a policy forbids the objects. */
  forbidden: string | undefined;
  /** Of the wanted template, where it is known. */
  manifest: { manifest: Manifest; hash: string } | undefined;
  /** Types that the code handles and no subscription brings. */
  unsubscribed: readonly string[];
  /** Drivers that it may call or watch and that are not there. */
  absentPeers: readonly string[];
  /** What the installation has for those who go out. */
  network: Pick<Release, "guard" | "egress">;
  /** By the autoscaler; undefined: it has no say. */
  scaled?: Scaled | undefined;
  now: number;
}

/** What is observed, said. The conditions are the user interface. */
export function driverStatus(input: StatusInput): DriverStatus {
  const { driver, deployment, manifest } = input;
  const previous = driver.status?.conditions ?? [];
  const findings = findingsOf(input, previous);
  const generation = driver.metadata.generation ?? 0;
  return {
    observedGeneration: generation,
    replicas: deployment?.status?.replicas ?? 0,
    readyReplicas: deployment?.status?.readyReplicas ?? 0,
    selector: Object.entries(podSelector(driver.metadata.name))
      .map(([key, value]) => `${key}=${value}`)
      .join(","),
    ...(manifest && {
      manifest: { name: manifest.manifest.name, version: manifest.manifest.version, hash: manifest.hash },
    }),
    conditions: conditions(findings, previous, generation, input.now),
  };
}

/** Whether all is as wanted, and pods run: what the spec says has worked. */
export const isProven = ({ conditions = [] }: DriverStatus) =>
  conditions.some(({ type, status }) => type === "Ready" && status === "True") &&
  conditions.some(({ type, reason }) => type === "RuntimeHealthy" && reason === "Healthy");

/** A deleted Driver whose access to the bus could not be taken away yet. */
export function removalStatus(
  driver: Driver,
  before: DriverStatus | undefined,
  bus: BusOutcome,
  now: number,
): DriverStatus {
  const message = `waits for the removal of account, consumers and bucket: ${"message" in bus ? bus.message : ""}`;
  const generation = driver.metadata.generation ?? 0;
  const previous = before?.conditions ?? [];
  const findings = {
    ...Object.fromEntries(previous.map((condition) => [condition.type, condition])),
    BusAccessReady: no("NotRemoved", message),
    Ready: no("Terminating", message),
  };
  return { ...before, conditions: conditions(findings, previous, generation, now) };
}

function findingsOf(input: StatusInput, previous: readonly Condition[]): Record<string, Finding> {
  const { review, deployment, pods, shortage, forbidden } = input;
  const health = {
    RuntimeHealthy:
      forbidden === undefined ? runtimeHealth(deployment, pods, shortage) : no("Forbidden", forbidden),
    Active: active(input),
  };
  // Of a refused spec nothing was done: what was granted before still is.
  const before = (type: DriverConditionType) =>
    previous.find((condition) => condition.type === type) ??
    unknown("NotAccepted", "the spec is not accepted, so nothing was done");
  const rest = review.accepted
    ? {
        Accepted: yes("Accepted", acceptedMessage(review)),
        CapabilitiesGranted: capabilities(input),
        BusAccessReady: busAccess(input.bus),
        SubscriptionsReady: subscriptions(input),
      }
    : review.revoked
      ? revoked(review, input.bus)
      : {
          Accepted: no(review.reason, review.message),
          CapabilitiesGranted: before("CapabilitiesGranted"),
          BusAccessReady: before("BusAccessReady"),
          SubscriptionsReady: before("SubscriptionsReady"),
        };
  const { Active, ...needed } = { ...rest, ...health };
  const EgressEnforced = egressEnforced(review.accepted ? review.spec : undefined, input.network);
  const { scaled } = input;
  return {
    ...needed,
    EgressEnforced,
    Active,
    ...(scaled && { ScalingActive: scalingActive(scaled) }),
    Ready: summary(needed),
  } satisfies Partial<Record<DriverConditionType, Finding>>;
}

/** Of a Driver that must not be there nothing is left but what it has stored. */
function revoked({ reason, message }: Refused, bus: BusOutcome) {
  const nothing = unknown("NotAdmitted", "the Driver is not admitted, so it has nothing");
  const failure = "message" in bus ? bus.message : "";
  return {
    Accepted: no(reason, message),
    CapabilitiesGranted: nothing,
    BusAccessReady:
      bus.state === "ready"
        ? no("NotAdmitted", "as long as the Driver is not admitted, it has no account on the bus")
        : no("NotRevoked", `the account on the bus could not be deleted yet: ${failure}`),
    SubscriptionsReady: nothing,
  };
}

function acceptedMessage(review: Review & { accepted: true }): string {
  if (review.ignored.length === 0) return "the spec is accepted";
  return `the spec is accepted; not taken over from podTemplate: ${review.ignored.join(", ")}`;
}

function capabilities({ review, manifest, absentPeers }: StatusInput): Finding {
  if (review.accepted && review.missing.length > 0)
    return no("Missing", `the code needs what spec.capabilities doesn't grant: ${review.missing.join("; ")}`);
  if (!manifest) return unknown("AwaitingManifest", "no pod has said yet what its code needs");
  const absent = absentPeers.length > 0 ? `; not there yet: ${absentPeers.join(", ")}` : "";
  return yes("Granted", `everything that the code needs is granted${absent}`);
}

function busAccess(bus: BusOutcome): Finding {
  switch (bus.state) {
    case "ready":
      if (bus.heldBack !== undefined) return no("PublishQuotaExceeded", bus.heldBack);
      return yes("Ready", "the account on the bus has what the spec grants");
    case "waiting":
      return unknown("EventBusNotReady", bus.message);
    case "unavailable":
      return no("BusUnavailable", bus.message);
    default:
      return no("Refused", bus.message);
  }
}

function subscriptions({ review, bus, unsubscribed }: StatusInput): Finding {
  const access = bus.state === "ready" ? undefined : busAccess(bus);
  if (access) return access;
  const count = review.accepted ? review.spec.subscriptions.length : 0;
  const handled =
    unsubscribed.length > 0 ? `; handled but not subscribed to: ${unsubscribed.join(", ")}` : "";
  if (count === 0) return yes("None", `there are no subscriptions${handled}`);
  return yes("Ready", `${count} ${count === 1 ? "consumer is" : "consumers are"} there${handled}`);
}

/** Whether pods work now. An idle driver that is scaled to zero is not active and yet ready. */
function active({ review, deployment }: StatusInput): Finding {
  const ready = deployment?.status?.readyReplicas ?? 0;
  const wanted = deployment?.spec.replicas ?? 0;
  const scaling = review.accepted ? review.spec.scaling : undefined;
  if (ready > 0) return yes("Running", `${ready} ${ready === 1 ? "pod runs" : "pods run"}`);
  if (deployment && wanted === 0 && scaling) return no("AwaitingEvents", "scaled to zero until events wait");
  if (deployment && wanted === 0) return no("ScaledDown", "spec.replicas is 0");
  return no("NotRunning", "no pod is ready");
}

/** Whether the pods follow the lag now. */
function scalingActive({ trouble }: Scaled): Finding {
  if (trouble === undefined) return yes("LagKnown", "the autoscaler reads the lag and sets the replicas");
  return no("LagUnknown", `${trouble}; no pods are taken away meanwhile`);
}
