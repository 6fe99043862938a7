import { expect, test } from "@jest/globals";
import { Scaling } from "@vextir/api";
import { DriverScaler } from "./driver-scaler.ts";

const at = (nowMs: number) => ({ nowMs, wallMs: nowMs });
const nothing = { state: "read", lag: { pending: 0, inFlight: 0, redelivered: 0 } } as const;

/** As a leader finds it that has just begun. */
const sleeper = () =>
  new DriverScaler(
    {
      ...{ namespace: "team", name: "sleeper", uid: "u", consumers: [], deployed: 0, needed: 0 },
      ...{ scaling: Scaling.parse({ minReplicaCount: 0 }), readyReplicas: 0, graceMs: 30_000 },
    },
    at(0),
  );

test("who sleeps goes on sleeping at the first look, when nobody has called", () => {
  expect(sleeper().decide(nothing, at(1)).replicas).toBe(0);
});

test("a call before the first look wakes it, and one that an earlier look has heard does not again", () => {
  const called = sleeper();
  called.called(1);
  expect(called.decide(nothing, at(2))).toMatchObject({ replicas: 1, message: "it is called" });
  expect(called.decide(nothing, at(3_000_000)).replicas).toBe(0);
});

test("an event before the first look wakes it, and is told as one", () => {
  const { replicas, message } = sleeper().decideToWake("event", at(1));
  expect({ replicas, message }).toEqual({ replicas: 1, message: "1 event waits; lagThreshold is 10" });
});
