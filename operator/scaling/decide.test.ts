import { describe, expect, test } from "@jest/globals";
import { Scaling } from "@vextir/api";
import fc from "fast-check";
import type { z } from "zod";
import {
  type Decision,
  decide,
  firstState,
  type Look,
  type ScalingInput,
  type ScalingState,
  settled,
} from "./decide.ts";

const NONE = { minReplicaCount: 0, name: "" };
const waiting = (pending: number, inFlight = 0): Look => ({
  state: "read",
  lag: { pending, inFlight, redelivered: 0 },
});
const FAILED: Look = { state: "failed", why: "the bus is away" };

/** A driver over time: each look is a second after the one before. */
class Course {
  readonly scaling: Scaling;
  state: ScalingState;
  nowMs = 0;
  last: Decision | undefined;

  constructor(scaling: z.input<typeof Scaling> = {}, replicas = 0) {
    this.scaling = Scaling.parse({ behavior: { scaleDown: { stabilizationWindowSeconds: 0 } }, ...scaling });
    this.state = firstState(replicas, 0);
  }

  look(look: Look, more: Partial<ScalingInput> = {}): number {
    this.nowMs += 1_000;
    const { scaling, state, nowMs } = this;
    const decision = decide({ scaling, state, look, scheduled: NONE, nowMs, ...more });
    this.last = decision;
    this.state = settled(decision, state.replicas, decision.replicas, nowMs);
    return decision.replicas;
  }

  /** So many looks that find the same; the replicas after the last one. */
  looks(count: number, look: Look, more: Partial<ScalingInput> = {}): number {
    for (let i = 0; i < count; i++) this.look(look, more);
    return this.state.replicas;
  }
}

describe("from the lag", () => {
  test.each<[string, z.input<typeof Scaling>, Look, number]>([
    ["nothing waits: none", {}, waiting(0), 0],
    ["one event: the first pod", {}, waiting(1), 1],
    ["10,000 events: all at once", { maxReplicaCount: 5 }, waiting(10_000), 5],
    ["a pod for each lagThreshold begun", { lagThreshold: 10 }, waiting(41), 5],
    ["what is in hand counts", { lagThreshold: 10 }, waiting(11, 10), 3],
    ["only redeliveries are work too", {}, waiting(0, 1), 1],
    ["no more than activationLagThreshold: none", { activationLagThreshold: 5 }, waiting(5), 0],
    ["above it", { activationLagThreshold: 5 }, waiting(6), 1],
    ["at least minReplicaCount with work", { minReplicaCount: 3, idleReplicaCount: 0 }, waiting(1), 3],
    ["minReplicaCount without work", { minReplicaCount: 2 }, waiting(0), 2],
    ["idleReplicaCount without work", { minReplicaCount: 2, idleReplicaCount: 1 }, waiting(0), 1],
    ["at most maxReplicaCount", { maxReplicaCount: 4 }, waiting(1e6), 4],
  ])("%s", (_, scaling, look, expected) => {
    expect(new Course(scaling).look(look)).toBe(expected);
  });

  test("a leader that finds pods at work leaves them", () => {
    expect(new Course({ behavior: {} }, 7).looks(200, waiting(10))).toBe(7);
  });

  test("a leader that finds a driver asleep lets it sleep", () => {
    expect(new Course({}, 0).looks(400, waiting(0))).toBe(0);
  });

  test("a call wakes it, and keeps it as long as calls come", () => {
    const course = new Course({ cooldownPeriod: 5 });
    expect(course.look(waiting(0), { isCalled: true })).toBe(1);
    expect(course.last?.reason).toBe("Activated");
    expect(course.looks(4, waiting(0))).toBe(1);
    course.look(waiting(0), { isCalled: true });
    expect(course.looks(4, waiting(0))).toBe(1);
    expect(course.look(waiting(0))).toBe(0);
  });
});

describe("down", () => {
  test("to zero only when cooldownPeriod is over", () => {
    const course = new Course({ cooldownPeriod: 60 });
    course.look(waiting(5));
    expect(course.looks(59, waiting(0))).toBe(1);
    expect(course.last?.reason).toBe("CoolingDown");
    expect(course.look(waiting(0))).toBe(0);
    expect(course.last?.reason).toBe("Idle");
  });

  test("one event begins the cooldown anew", () => {
    const course = new Course({ cooldownPeriod: 60 });
    course.looks(59, waiting(0));
    course.look(waiting(1));
    expect(course.looks(59, waiting(0))).toBe(1);
  });

  test("what is in hand is work: it is never idle", () => {
    const course = new Course({ cooldownPeriod: 0 }, 1);
    expect(course.looks(100, waiting(0, 1))).toBe(1);
  });

  test("the highest of the stabilization window counts", () => {
    const course = new Course({ behavior: { scaleDown: { stabilizationWindowSeconds: 30 } } });
    expect(course.look(waiting(80))).toBe(8);
    expect(course.looks(29, waiting(20))).toBe(8);
    expect(course.last?.reason).toBe("Stabilizing");
    expect(course.look(waiting(20))).toBe(2);
  });

  test("a policy takes so many within its period", () => {
    const policies = [{ type: "Pods" as const, value: 2, periodSeconds: 10 }];
    const course = new Course({ behavior: { scaleDown: { stabilizationWindowSeconds: 0, policies } } }, 8);
    const seen = Array.from({ length: 21 }, () => course.look(waiting(10)));
    expect(seen).toEqual([...Array(10).fill(6), ...Array(10).fill(4), 2]);
    expect(course.last?.reason).toBe("RateLimited");
  });

  test("Disabled: never, to zero neither", () => {
    const course = new Course(
      { cooldownPeriod: 0, behavior: { scaleDown: { selectPolicy: "Disabled" } } },
      4,
    );
    expect(course.looks(10, waiting(0))).toBe(4);
  });

  test("a maxReplicaCount that was lowered holds at once", () => {
    expect(new Course({ maxReplicaCount: 3, behavior: {} }, 9).look(waiting(1e6))).toBe(3);
  });
});

describe("up", () => {
  test("the lowest of the stabilization window counts, but for the first pods", () => {
    const course = new Course({ behavior: { scaleUp: { stabilizationWindowSeconds: 10 } } });
    expect(course.look(waiting(50))).toBe(1);
    course.looks(8, waiting(50));
    expect(course.state.replicas).toBe(1);
    expect(course.looks(3, waiting(50))).toBe(5);
  });

  test.each([
    ["Max", 6],
    ["Min", 3],
    ["Disabled", 2],
  ] as const)("of two policies %s", (selectPolicy, expected) => {
    const policies = [
      { type: "Pods" as const, value: 4, periodSeconds: 60 },
      { type: "Percent" as const, value: 50, periodSeconds: 60 },
    ];
    const course = new Course({ behavior: { scaleUp: { selectPolicy, policies } } }, 2);
    expect(course.looks(30, waiting(100))).toBe(expected);
  });
});

describe("by the clock", () => {
  test("the schedule's minimum holds without work, at most maxReplicaCount", () => {
    const scheduled = { minReplicaCount: 3, name: "x" };
    const course = new Course({ cooldownPeriod: 0 });
    expect(course.look(waiting(0), { scheduled })).toBe(3);
    expect(course.last?.reason).toBe("Scheduled");
    expect(course.look(waiting(0))).toBe(0);
  });

  test("also while the lag can't be read", () => {
    expect(new Course().look(FAILED, { scheduled: { minReplicaCount: 2, name: "x" } })).toBe(2);
  });
});

describe("by targetLatency", () => {
  test("as many pods as handle what waits in time", () => {
    expect(new Course({ targetLatency: "10s" }).look(waiting(100), { podPerSecond: 2 })).toBe(5);
  });
  test("by lagThreshold until a handling was measured", () => {
    expect(new Course({ targetLatency: "10s", lagThreshold: 50 }).look(waiting(100))).toBe(2);
  });
});

describe("while the lag can't be read", () => {
  test("pods stay as they are, for ever", () => {
    const course = new Course({ cooldownPeriod: 5 }, 4);
    expect(course.looks(1_000, FAILED)).toBe(4);
    expect(course.last?.reason).toBe("LagUnknown");
  });

  test("fallback.replicas after failureThreshold looks", () => {
    const course = new Course({ fallback: { failureThreshold: 3, replicas: 2 } });
    expect(course.looks(2, FAILED)).toBe(0);
    expect(course.look(FAILED)).toBe(2);
    expect(course.last?.reason).toBe("Fallback");
  });

  test("fallback takes no pods away", () => {
    expect(new Course({ fallback: { replicas: 1 } }, 6).looks(10, FAILED)).toBe(6);
  });

  test("a look that succeeds begins the count anew", () => {
    const course = new Course({ fallback: { failureThreshold: 2, replicas: 2 } });
    course.look(FAILED);
    course.look(waiting(0));
    expect(course.look(FAILED)).toBe(0);
  });

  test("the time in which nothing was seen is no time without work", () => {
    const course = new Course({ cooldownPeriod: 60 });
    course.look(waiting(1));
    course.looks(300, FAILED);
    expect(course.look(waiting(0))).toBe(1);
  });
});

test("whatever is seen in whatever order: within the bounds, and never fewer without having seen it", () => {
  const look = fc.oneof(
    fc.constant(FAILED),
    fc.nat(200).map((pending) => waiting(pending)),
    fc.constant(waiting(0)),
  );
  const scaling = fc.record({
    minReplicaCount: fc.nat(3),
    maxReplicaCount: fc.integer({ min: 3, max: 12 }),
    lagThreshold: fc.integer({ min: 1, max: 50 }),
    activationLagThreshold: fc.nat(20),
    cooldownPeriod: fc.nat(5),
    behavior: fc.record({
      scaleUp: fc.record({ stabilizationWindowSeconds: fc.nat(5) }),
      scaleDown: fc.record({ stabilizationWindowSeconds: fc.nat(5) }),
    }),
  });
  fc.assert(
    fc.property(
      scaling,
      fc.nat(12),
      fc.array(look, { minLength: 1, maxLength: 60 }),
      (spec, begin, looks) => {
        const course = new Course(spec, Math.min(begin, spec.maxReplicaCount));
        for (const one of looks) {
          const before = course.state.replicas;
          const after = course.look(one);
          expect(after).toBeLessThanOrEqual(spec.maxReplicaCount);
          if (one === FAILED) expect(after).toBeGreaterThanOrEqual(before);
          if (one.state === "read" && one.lag.pending > spec.activationLagThreshold)
            expect(after).toBeGreaterThanOrEqual(1);
        }
      },
    ),
    { numRuns: 300 },
  );
});
