import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { DriverTraffic } from "../bus/authority.ts";
import { PublishBudgets } from "./budgets.ts";

const quota = { bytesPerSecond: 100, burstBytes: 1_000 };
const sent = (sentBytes: number, more: Partial<DriverTraffic> = {}): DriverTraffic[] => [
  { namespace: "team", name: "a", uid: "a", quota, sentBytes, ...more },
];

const table: {
  reason: string;
  looks: [seconds: number, sentBytes: number][];
  isOver: boolean[];
}[] = [
  {
    reason: "the whole burst at once",
    looks: [
      [0, 0],
      [1, 1_000],
    ],
    isOver: [false, false],
  },
  {
    reason: "more than the burst",
    looks: [
      [0, 0],
      [1, 1_200],
    ],
    isOver: [false, true],
  },
  {
    reason: "what it sent before it was seen is no debt, but may have been its burst",
    looks: [
      [0, 1e9],
      [1, 1e9 + 100],
      [2, 1e9 + 500],
    ],
    isOver: [false, false, true],
  },
  {
    reason: "its rate, for long",
    looks: [
      [0, 0],
      [100, 10_000],
      [200, 20_000],
    ],
    isOver: [false, false, false],
  },
  {
    reason: "more than its rate, for long",
    looks: [
      [0, 0],
      [100, 10_900],
      [200, 21_800],
    ],
    isOver: [false, false, true],
  },
  {
    reason: "over, until a quarter of the burst is there again",
    looks: [
      [0, 0],
      [0, 1_100],
      [1, 1_100],
      [3, 1_100],
      [4, 1_100],
    ],
    isOver: [false, true, true, true, false],
  },
  {
    reason: "a server that began anew",
    looks: [
      [0, 500],
      [1, 300],
      [2, 1_700],
    ],
    isOver: [false, false, true],
  },
];
test.each(table)("$reason", ({ looks, isOver }) => {
  const budgets = new PublishBudgets();
  const found = looks.map(([seconds, bytes]) => {
    budgets.observe(sent(bytes), seconds * 1_000);
    return budgets.isOver("a");
  });
  expect(found).toEqual(isOver);
});

test("tells of changes alone", () => {
  const budgets = new PublishBudgets();
  expect(budgets.observe(sent(0), 0)).toEqual([]);
  expect(budgets.observe(sent(2_000), 1_000)).toEqual(sent(2_000));
  expect(budgets.observe(sent(2_000), 2_000)).toEqual([]);
  expect(budgets.observe(sent(2_000), 20_000)).toEqual(sent(2_000));
});

test("in the long run nobody who is held back when over sends more than burst and rate, and one look's excess", () => {
  const step = fc.record({
    ms: fc.integer({ min: 100, max: 3_000 }),
    bytes: fc.integer({ min: 0, max: 800 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budgets = new PublishBudgets();
      budgets.observe(sent(0), 0);
      let [now, total] = [0, 0];
      for (const { ms, bytes } of steps) {
        now += ms;
        if (!budgets.isOver("a")) total += bytes;
        budgets.observe(sent(total), now);
      }
      expect(total).toBeLessThanOrEqual(1_000 + (now / 1_000) * 100 + 800);
    }),
  );
});
