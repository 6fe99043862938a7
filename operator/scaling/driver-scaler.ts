import type { ScalingDecision, ScalingReport } from "@vextir/api";
import {
  type Decision,
  decide,
  firstState,
  type Lag,
  type Look,
  lagOf,
  type ScalingReason,
  type ScalingState,
  settled,
} from "./decide.ts";
import { HandlingTimes } from "./handling-times.ts";
import type { ScaledDriver } from "./scaled-driver.ts";
import { type Scheduled, Schedules } from "./schedules.ts";

/** So many looks that fail one after the other are told as a condition. */
const LOST_LOOKS = 3;
const MAX_DECISIONS = 10;
const NO_LAG: Lag = { pending: 0, inFlight: 0, redelivered: 0 };

/** Clocks: one that never goes back, and one that people read. */
export interface Times {
  nowMs: number;
  /** Milliseconds since 1970. */
  wallMs: number;
}

/** One driver's course: what is known, what was decided. No I/O. */
export class DriverScaler {
  readonly times = new HandlingTimes();
  #driver: ScaledDriver;
  #state: ScalingState;
  #schedules: Schedules;
  #lag: Lag | undefined;
  #lookedAtMs: number | undefined;
  #calledAtMs: number | undefined;
  #last: Pick<Decision, "reason" | "message"> = { reason: "LagUnknown", message: "the lag was not read yet" };
  #decisions: ScalingDecision[] = [];

  constructor(driver: ScaledDriver, { nowMs, wallMs }: Times) {
    this.#driver = driver;
    this.#schedules = new Schedules(driver.scaling.schedules);
    this.#state = firstState(driver.deployed ?? firstPods(driver, this.#schedules.at(wallMs)), nowMs);
    this.#keepNeeded(nowMs);
  }

  get driver(): ScaledDriver {
    return this.#driver;
  }
  /** Pods that are wanted. */
  get replicas(): number {
    return this.#state.replicas;
  }
  /** Where so many looks failed that it is worth telling: why. */
  get trouble(): string | undefined {
    return this.#state.failures >= LOST_LOOKS ? this.#last.message : undefined;
  }
  /** Nothing is seen that its pods have to do. */
  get isAtRest(): boolean {
    return (
      this.#state.replicas === 0 &&
      this.#state.failures === 0 &&
      this.#lag !== undefined &&
      lagOf(this.#lag) === 0
    );
  }
  /** As read last; undefined: never yet. */
  get lag(): Lag | undefined {
    return this.#lag;
  }

  /** The Driver as it is now. */
  use(driver: ScaledDriver, { nowMs }: Times): void {
    if (driver.scaling !== this.#driver.scaling) this.#schedules = new Schedules(driver.scaling.schedules);
    this.#driver = driver;
    this.#keepNeeded(nowMs);
  }

  /** Whether the clock alone wants more pods. */
  isScheduledAt(wallMs: number): boolean {
    return this.#schedules.at(wallMs).minReplicaCount > this.#state.replicas;
  }

  called(nowMs: number): void {
    this.#calledAtMs = nowMs;
  }

  /** What should be, after a look. Nothing changes but what is remembered of it: `settle` says what was done. */
  decide(look: Look, { nowMs, wallMs }: Times): Decision {
    const { scaling, needed } = this.#driver;
    const isCalled =
      this.#calledAtMs !== undefined && this.#calledAtMs >= (this.#lookedAtMs ?? Number.NEGATIVE_INFINITY);
    this.#lag = look.state === "read" ? look.lag : this.#lag;
    this.#lookedAtMs = nowMs;
    const decision = decide({
      ...{ scaling, state: this.#state, look, nowMs, isCalled },
      scheduled: this.#schedules.at(wallMs),
      podPerSecond: this.times.podPerSecond,
    });
    this.#state = { ...decision.state, replicas: this.#state.replicas };
    this.#last = decision;
    return { ...decision, replicas: Math.max(needed, decision.replicas) };
  }

  /** At once, before the lag is read: an event came for it, or a call. */
  decideToWake(cause: "event" | "call", times: Times): Decision {
    return this.decide(
      { state: "read", lag: cause === "event" ? { ...NO_LAG, pending: 1 } : (this.#lag ?? NO_LAG) },
      times,
    );
  }

  /** So many pods are wanted from now on. */
  settle(decision: Decision, replicas: number, { nowMs, wallMs }: Times): ScalingDecision | undefined {
    const from = this.#state.replicas;
    this.#state = settled({ ...decision, state: this.#state }, from, replicas, nowMs);
    if (replicas === from) return undefined;
    const { reason, message } = decision;
    const made = { at: new Date(wallMs).toISOString(), from, to: replicas, reason, message };
    this.#decisions = [made, ...this.#decisions].slice(0, MAX_DECISIONS);
    return made;
  }

  /** Fewer would do, and why they are kept all the same. */
  held(reason: ScalingReason, message: string): void {
    this.#last = { reason, message };
  }

  report({ nowMs, wallMs }: Times): ScalingReport {
    const { namespace, name, scaling, readyReplicas } = this.#driver;
    const { minReplicaCount, maxReplicaCount, idleReplicaCount } = scaling;
    const { replicas, failures, activeAtMs } = this.#state;
    const podPerSecond = this.times.podPerSecond;
    return {
      ...{ namespace, name, replicas, readyReplicas, failures },
      reason: this.#last.reason,
      message: this.#last.message,
      ...(this.#lag && { lag: { ...this.#lag, total: lagOf(this.#lag) } }),
      ...(this.#lookedAtMs !== undefined && { lookedMsAgo: Math.round(nowMs - this.#lookedAtMs) }),
      activeMsAgo: Math.round(nowMs - activeAtMs),
      bounds: {
        ...{ minReplicaCount, maxReplicaCount },
        ...(idleReplicaCount !== undefined && { idleReplicaCount }),
        scheduled: this.#schedules.at(wallMs).minReplicaCount,
      },
      ...(podPerSecond !== undefined && { podPerSecond }),
      decisions: this.#decisions,
    };
  }

  /** The first pod of new code starts before anybody knows what it subscribes to; then it has its cooldown. */
  #keepNeeded(nowMs: number): void {
    const { needed } = this.#driver;
    if (this.#state.replicas < needed) this.#state = { ...this.#state, replicas: needed, activeAtMs: nowMs };
  }
}

const firstPods = ({ scaling }: ScaledDriver, { minReplicaCount }: Scheduled) =>
  Math.min(
    scaling.maxReplicaCount,
    Math.max(scaling.idleReplicaCount ?? scaling.minReplicaCount, minReplicaCount),
  );
