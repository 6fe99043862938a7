import { describe, expect, test } from "@jest/globals";
import type { Pod } from "../workloads.ts";
import { removalOf } from "./scale-down.ts";

const pod = (name: string, running = true): Pod => ({
  ...{ apiVersion: "v1", kind: "Pod", metadata: { name }, spec: { containers: [] } },
  status: {
    containerStatuses: running
      ? [{ name: "driver", ready: true, restartCount: 0, state: { running: {} } }]
      : [],
  },
});
const has = (name: string, events: number, longestMs: number, calls = 0) =>
  [name, { pod: name, events, calls, longestMs }] as const;

describe("with a grace period of 30 seconds", () => {
  test.each([
    ["a pod with nothing in hand may go, whatever it did before", has("a", 0, 600_000), 3, 1, 0],
    ["one with short work may go, and costs what it has in hand", has("a", 7, 2_000), 7, 1, 7],
    ["one that has been at it for long may not", has("a", 1, 60_000), 1, 0, 1_000_001],
    ["nor one that answers a call for long", has("a", 0, 60_000, 1), 0, 0, 1_000_001],
    ["half of the grace period is the bound", has("a", 1, 15_001), 1, 0, 1_000_001],
  ])("%s", (_, answer, inFlight, removable, cost) => {
    const found = removalOf([pod("a")], new Map([answer]), { inFlight, graceMs: 30_000 });
    expect(found).toEqual({ removable, costs: new Map([["a", cost]]) });
  });

  test.each([
    ["while something is in flight it may have it", pod("a"), 1, 0],
    ["while nothing is, it has nothing", pod("a"), 0, 1],
    ["one that has not started has nothing", pod("a", false), 5, 1],
  ])("of a pod that does not answer: %s", (_, silent, inFlight, removable) => {
    expect(removalOf([silent], new Map(), { inFlight, graceMs: 30_000 }).removable).toBe(removable);
  });

  test("a pod that is going already is not counted", () => {
    const going = pod("a");
    going.metadata.deletionTimestamp = "2026-11-27T00:00:00Z";
    expect(removalOf([going], new Map(), { inFlight: 0, graceMs: 30_000 }).removable).toBe(0);
  });
});
