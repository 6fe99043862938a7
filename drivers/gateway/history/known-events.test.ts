import { expect, test } from "@jest/globals";
import { type Call, DriverError } from "@vextir/driver-runtime";
import { KnownEvents } from "./known-events.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");
const identity = { correlationId: "c", messageId: "m" };
const at = (seconds: number) => new Date(NOW + seconds * 1_000).toISOString();

/** A ledger that knows the events "old". */
function start({ answer = (_: { id: string }[]): unknown => undefined, now = () => NOW } = {}) {
  const asked: { id: string; source: string; correlation: string }[][] = [];
  const call = (async (_method: string, input: { events: (typeof asked)[number] }) => {
    asked.push(input.events);
    return (
      answer(input.events) ?? {
        known: input.events.flatMap(({ id }, place) => (id.startsWith("old") ? [place] : [])),
      }
    );
  }) as Call;
  const known = new KnownEvents({ call, ledger: "ledger", windowMs: 120_000, now });
  const has = (id: string, time?: string) =>
    known.has({ source: "/s", id, ...(time !== undefined && { time }) }, identity);
  return { asked, has };
}

test.each([
  { reason: "it says no time", time: undefined, asks: true },
  { reason: "it happened just now", time: at(-1), asks: false },
  { reason: "the window has half gone by", time: at(-61), asks: true },
  { reason: "it happened long ago", time: at(-86_400), asks: true },
  { reason: "the sender's clock is ahead", time: at(1), asks: true },
])("the ledger is asked ($asks) when $reason", async ({ time, asks }) => {
  const { asked, has } = start();
  expect(await has("old", time)).toBe(asks);
  expect(asked).toEqual(asks ? [[{ source: "/s", id: "old", correlation: "c" }]] : []);
});

test("events of one moment are asked for together, so many at most", async () => {
  const { asked, has } = start();
  const found = await Promise.all(Array.from({ length: 300 }, (_, i) => has(i === 299 ? "old" : `new-${i}`)));
  expect(found.lastIndexOf(true)).toBe(299);
  expect(found.indexOf(true)).toBe(299);
  expect(asked.map(({ length }) => length)).toEqual([256, 44]);
});

test.each([
  {
    reason: "is away",
    answer: () => {
      throw new DriverError("Timeout", "away");
    },
  },
  { reason: "answers what is none", answer: () => ({ known: "all" }) },
])("a ledger that $reason makes every event a new one, and is left alone for a while", async ({ answer }) => {
  let now = NOW;
  const { asked, has } = start({ answer, now: () => now });
  expect(await has("old-1")).toBe(false);
  expect(await has("old-2")).toBe(false);
  expect(asked).toHaveLength(1);
  now += 5_000;
  await has("old-3");
  expect(asked).toHaveLength(2);
});
