import { expect, test } from "@jest/globals";
import { HandlingTimes } from "./handling-times.ts";

const handling = (durationMs: number) => ({
  ...{ id: "a", source: "s", publisher: "p", type: "a.b", sequence: 1, subscription: "default", attempt: 1 },
  ...{ at: "2026-11-27T12:00:00Z", durationMs, outcome: "Succeeded" },
});
const told = (...durations: number[]) => Buffer.from(JSON.stringify({ handlings: durations.map(handling) }));

test("nothing is known before the first handling, nor from what is none", () => {
  const times = new HandlingTimes();
  times.heard(Buffer.from("no JSON"));
  times.heard(Buffer.from('{"handlings":[{"durationMs":1}]}'));
  expect(times.podPerSecond).toBeUndefined();
});

test("one after the other, in the mean time of a handling", () => {
  const times = new HandlingTimes();
  times.heard(told(500, 500, 500));
  expect(times.podPerSecond).toBe(2);
});

test("several at a time, where a busy pod was seen to do more", () => {
  const times = new HandlingTimes();
  times.looked(true, 2, 0);
  times.heard(told(...Array(40).fill(500)));
  times.looked(true, 2, 1_000);
  expect(times.podPerSecond).toBe(20);
});

test("a pod that had nothing to do for a while says nothing of how much it can do", () => {
  const times = new HandlingTimes();
  times.looked(true, 1, 0);
  times.heard(told(100));
  times.looked(false, 1, 1_000);
  expect(times.podPerSecond).toBe(10);
});
