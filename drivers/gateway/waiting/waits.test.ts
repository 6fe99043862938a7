import { describe, expect, test } from "@jest/globals";
import type { Event } from "@vextir/driver-runtime";
import { Waits } from "./waits.ts";

let next = 0;
function observed(type: string, extra: Partial<Event> = {}): Event {
  const id = `e${next++}`;
  return {
    id,
    type,
    publisher: "assistant",
    source: "/x",
    time: "",
    data: {},
    correlationId: "c",
    causationId: "root",
    hops: 1,
    extensions: {},
    partition: 0,
    sequence: 0,
    ...extra,
  };
}

const options = { correlationId: "c", rootId: "root", until: "done", timeoutMs: 60_000, shows: () => true };
const begin = (waits: Waits, changes: Partial<typeof options> = {}) => {
  const wait = waits.begin({ ...options, ...changes });
  if (!wait) throw new Error("no place");
  return wait;
};

describe("a wait", () => {
  test("collects what follows, in order, until the last event", async () => {
    const waits = new Waits(1, "gateway");
    const wait = begin(waits);
    waits.see(observed("first"));
    waits.see(observed("other", { correlationId: "d" }));
    waits.see(observed("second"));
    waits.see(observed("done"));
    waits.see(observed("late"));
    const { complete, truncated, events } = await wait.outcome;
    expect([complete, truncated, events.map((event) => event["type"])]).toEqual([
      true,
      false,
      ["first", "second", "done"],
    ]);
    expect(waits.open).toBe(0);
  });

  test("leaves out the event that began it, but not another driver's of the same id", async () => {
    const waits = new Waits(1, "gateway");
    const wait = begin(waits);
    const root = { id: "root", publisher: "gateway" };
    const { causationId: _, ...rootEvent } = observed("done", root);
    waits.see(rootEvent);
    waits.see(observed("done", { id: "root" }));
    expect((await wait.outcome).events).toHaveLength(1);
  });

  test("shows only what whoever waits may see", async () => {
    const waits = new Waits(1, "gateway");
    const wait = waits.begin({ ...options, shows: ({ userId }) => userId === "ada" });
    waits.see(observed("done", { userId: "bob" }));
    waits.see(observed("done", { userId: "ada" }));
    expect((await wait?.outcome)?.events).toMatchObject([{ userid: "ada" }]);
  });

  test("shows an event once, though two grants brought it", async () => {
    const waits = new Waits(1, "gateway");
    const wait = begin(waits);
    const twice = observed("x");
    for (const event of [twice, twice, observed("done")]) waits.see(event);
    expect((await wait.outcome).events).toHaveLength(2);
  });

  test.each([
    { reason: "its time is up", changes: { timeoutMs: 5 }, finish: () => {} },
    { reason: "the client goes", changes: {}, finish: (waits: Waits) => waits.endAll() },
  ])("is incomplete when $reason", async ({ changes, finish }) => {
    const waits = new Waits(1, "gateway");
    const wait = begin(waits, changes);
    waits.see(observed("x"));
    finish(waits);
    expect(await wait.outcome).toMatchObject({ complete: false, events: [{ type: "x" }] });
    expect(waits.open).toBe(0);
  });

  test.each([
    { reason: "many events", count: 1_001, data: {} },
    { reason: "large events", count: 10, data: "x".repeat(500_000) },
  ])("is cut short by $reason", async ({ count, data }) => {
    const waits = new Waits(1, "gateway");
    const wait = begin(waits);
    for (let i = 0; i < count; i++) waits.see(observed("x", { data }));
    const outcome = await wait.outcome;
    expect(outcome).toMatchObject({ complete: false, truncated: true });
    expect(JSON.stringify(outcome.events).length).toBeLessThan(5_000_000);
  });

  test("says that events were lost on the way", async () => {
    const waits = new Waits(1, "gateway");
    const wait = begin(waits);
    waits.missed();
    waits.see(observed("done"));
    expect(await wait.outcome).toMatchObject({ complete: true, truncated: true });
  });
});

test("there are only so many waits, and an ended one makes room", async () => {
  const waits = new Waits(2, "gateway");
  const [first] = [begin(waits), begin(waits, { correlationId: "d" })];
  expect(waits.begin(options)).toBeUndefined();
  first?.end();
  first?.end();
  expect(waits.open).toBe(1);
  expect(waits.begin(options)).toBeDefined();
  waits.endAll();
  expect(waits.open).toBe(0);
});
