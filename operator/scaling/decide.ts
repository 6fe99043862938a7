import { durationMs, type Scaling } from "@vextir/api";
import {
  type Change,
  type Found,
  longestPeriodSeconds,
  longestWindowSeconds,
  paced,
  recent,
  stabilised,
} from "./behavior.ts";
import type { Scheduled } from "./schedules.ts";

/** What one look at a driver's consumers found; all their sums. */
export interface Lag {
  /** Events that were given to nobody yet. */
  pending: number;
  /** Events that pods have in hand, or that wait for their next attempt. */
  inFlight: number;
  /** Of those in flight, the ones that were given before. */
  redelivered: number;
}

export type Look =
  | { state: "read"; lag: Lag }
  /** The lag is not known: nothing may follow from it. */
  | { state: "failed"; why: string };

/** What is remembered of a driver between two decisions. Times are of a clock that never goes back. */
export interface ScalingState {
  /** Pods that are wanted now. */
  replicas: number;
  /** When there was work last: waiting events, or a call. */
  activeAtMs: number;
  /** Looks that failed, one after the other. */
  failures: number;
  found: readonly Found[];
  changes: readonly Change[];
}

export interface ScalingInput {
  scaling: Scaling;
  state: ScalingState;
  look: Look;
  scheduled: Scheduled;
  /** A caller waits for it. */
  isCalled?: boolean;
  /** Events that a pod handles in a second, as far as it was measured. */
  podPerSecond?: number | undefined;
  nowMs: number;
}

export type ScalingReason =
  /** The first pods, for what waits. */
  | "Activated"
  /** As many as the lag asks for. */
  | "Lag"
  /** As many as handle the lag within `targetLatency`. */
  | "Latency"
  /** No work for `cooldownPeriod`. */
  | "Idle"
  /** No work, and `cooldownPeriod` is not over. */
  | "CoolingDown"
  /** Fewer, or more, would do; `stabilizationWindowSeconds` is not over. */
  | "Stabilizing"
  /** `behavior` allows no more at a time. */
  | "RateLimited"
  /** Pods that would go have work in hand that their grace period is too short for. */
  | "PodsBusy"
  | "AtMinimum"
  | "AtMaximum"
  | "Scheduled"
  | "Fallback"
  | "LagUnknown";

export interface Decision {
  replicas: number;
  reason: ScalingReason;
  /** For people: what was seen and what follows. */
  message: string;
  /** To be remembered, once the replicas are set: see `settled`. */
  state: ScalingState;
}

/** A driver that is met for the first time, by this leader: what runs is taken for right until more is known. */
export const firstState = (replicas: number, nowMs: number): ScalingState => ({
  replicas,
  activeAtMs: nowMs,
  failures: 0,
  found: [{ atMs: nowMs, replicas }],
  changes: [],
});

export const lagOf = ({ pending, inFlight }: Lag) => pending + inFlight;

/** How many pods there should be. No clock and no I/O: the same input is answered the same. */
export function decide(input: ScalingInput): Decision {
  return input.look.state === "read"
    ? decideByLag(input, input.look.lag)
    : decideWithoutLag(input, input.look.why);
}

/** What is remembered after the replicas were set, which may be fewer changes than were decided. */
export function settled({ state }: Decision, before: number, replicas: number, nowMs: number): ScalingState {
  const by = replicas - before;
  return { ...state, replicas, changes: by === 0 ? state.changes : [...state.changes, { atMs: nowMs, by }] };
}

interface Wish {
  replicas: number;
  reason: ScalingReason;
  message: string;
}

function decideByLag(input: ScalingInput, lag: Lag): Decision {
  const { scaling, state, nowMs, isCalled = false } = input;
  const isActive = lagOf(lag) > scaling.activationLagThreshold || isCalled;
  const activeAtMs = isActive ? nowMs : state.activeAtMs;
  const isIdle = !isActive && nowMs - activeAtMs >= scaling.cooldownPeriod * 1_000;
  const wish = withMinimum(isActive ? working(input, lag) : resting(input, isIdle, lag), input);
  const remembered: ScalingState = {
    ...state,
    activeAtMs,
    failures: 0,
    found: remember(input, wish.replicas),
    changes: recent(state.changes, longestPeriodSeconds(scaling.behavior), nowMs),
  };
  const { replicas, reason, message } = bounded(input, wish, remembered, isIdle);
  return { replicas, reason, message, state: remembered };
}

/** What fits the work. */
function working({ scaling, state, podPerSecond, isCalled }: ScalingInput, lag: Lag): Wish {
  const waiting = lagOf(lag);
  const seen = `${waiting} ${waiting === 1 ? "event waits" : "events wait"}`;
  const { targetLatency, lagThreshold, maxReplicaCount } = scaling;
  const lowest = Math.max(1, scaling.minReplicaCount);
  const byTime = targetLatency !== undefined && podPerSecond !== undefined && podPerSecond > 0;
  const exact = byTime
    ? Math.ceil(waiting / ((podPerSecond * durationMs(targetLatency)) / 1_000))
    : Math.ceil(waiting / lagThreshold);
  const replicas = Math.min(maxReplicaCount, Math.max(lowest, exact));
  const measure = byTime
    ? `a pod handles ${podPerSecond.toPrecision(3)} per second, and targetLatency is ${targetLatency}`
    : `lagThreshold is ${lagThreshold}`;
  const message =
    isCalled && waiting <= scaling.activationLagThreshold ? "it is called" : `${seen}; ${measure}`;
  if (state.replicas === 0) return { replicas, reason: "Activated", message };
  if (exact > maxReplicaCount)
    return { replicas, reason: "AtMaximum", message: `${message}; maxReplicaCount is ${maxReplicaCount}` };
  if (exact < lowest)
    return { replicas, reason: "AtMinimum", message: `${message}; the fewest that work are ${lowest}` };
  return { replicas, reason: byTime ? "Latency" : "Lag", message };
}

/** Without work nothing is ever added. */
function resting({ scaling, state }: ScalingInput, isIdle: boolean, lag: Lag): Wish {
  const rest = scaling.idleReplicaCount ?? scaling.minReplicaCount;
  const waiting = lagOf(lag);
  const seen = waiting === 0 ? "no event waits" : `only ${waiting} of activationLagThreshold wait`;
  if (isIdle || state.replicas <= rest)
    return {
      replicas: rest,
      reason: "Idle",
      message: `${seen} for cooldownPeriod, ${scaling.cooldownPeriod} s`,
    };
  const working = Math.max(1, scaling.minReplicaCount);
  return {
    replicas: Math.max(rest, Math.min(state.replicas, working)),
    reason: "CoolingDown",
    message: `${seen}; cooldownPeriod of ${scaling.cooldownPeriod} s is not over`,
  };
}

function withMinimum(wish: Wish, { scaling, scheduled }: ScalingInput): Wish {
  const fewest = Math.min(scheduled.minReplicaCount, scaling.maxReplicaCount);
  if (wish.replicas >= fewest) return wish;
  return { replicas: fewest, reason: "Scheduled", message: `the schedule ${scheduled.name} wants ${fewest}` };
}

/** The same found again says no more than when it was found last. */
function remember({ scaling, state, nowMs }: ScalingInput, replicas: number): readonly Found[] {
  const kept = recent(state.found, Math.max(1, longestWindowSeconds(scaling.behavior)), nowMs);
  const others = kept.at(-1)?.replicas === replicas ? kept.slice(0, -1) : kept;
  return [...others.slice(-MAX_FOUND), { atMs: nowMs, replicas }];
}
const MAX_FOUND = 1_024;

/** How far it goes towards what was found right. */
function bounded(
  { scaling, state, nowMs }: ScalingInput,
  wish: Wish,
  next: ScalingState,
  isIdle: boolean,
): Wish {
  const { behavior, maxReplicaCount } = scaling;
  const current = Math.min(state.replicas, maxReplicaCount);
  // The cooldown is what steadies the way to rest, as the first pods are what everything waits for.
  const first = current === 0 ? Math.min(wish.replicas, Math.max(1, scaling.minReplicaCount)) : 0;
  const steady = isIdle ? wish.replicas : stabilised(behavior, current, next.found, nowMs);
  const replicas = Math.max(
    first,
    isIdle && allowsRest(scaling) ? steady : paced(behavior, current, steady, next.changes, nowMs),
  );
  if (replicas === wish.replicas) return wish;
  if (replicas !== Math.max(first, steady))
    return {
      replicas,
      reason: "RateLimited",
      message: `${wish.message}; behavior allows ${replicas} now, ${wish.replicas} are wanted`,
    };
  return {
    replicas,
    reason: "Stabilizing",
    message: `${wish.message}; ${wish.replicas} would do, once the stabilization window is over`,
  };
}

const allowsRest = ({ behavior }: Scaling) => behavior.scaleDown.selectPolicy !== "Disabled";

/** What can't be read is no reason to take pods away. */
function decideWithoutLag({ scaling, state, scheduled, nowMs }: ScalingInput, why: string): Decision {
  const failures = state.failures + 1;
  const { fallback, maxReplicaCount } = scaling;
  const isLost = fallback !== undefined && failures >= fallback.failureThreshold;
  const kept = Math.max(
    state.replicas,
    scheduled.minReplicaCount,
    state.replicas > 0 ? scaling.minReplicaCount : 0,
  );
  const replicas = Math.min(maxReplicaCount, Math.max(kept, isLost ? fallback.replicas : 0));
  const next = {
    ...state,
    // Nobody knows that there was no work.
    activeAtMs: nowMs,
    failures,
    changes: recent(state.changes, longestPeriodSeconds(scaling.behavior), nowMs),
  };
  return {
    replicas,
    reason: isLost ? "Fallback" : "LagUnknown",
    message: isLost
      ? `the lag can't be read: ${why}; fallback.replicas is ${fallback.replicas}`
      : `the lag can't be read: ${why}`,
    state: next,
  };
}
