import { expect, test } from "@jest/globals";
import { NewestFirst, type NewestFirstOptions } from "./newest-first.ts";

const turn = () => new Promise(setImmediate);

/** Work that a test ends; `begun` and `dropped` in their order. */
function queue(options: Partial<NewestFirstOptions<number>> = {}) {
  const begun: number[] = [];
  const dropped: number[] = [];
  const ends: (() => void)[] = [];
  const newest = new NewestFirst<number>({
    work: (item) => {
      begun.push(item);
      return new Promise((resolve) => ends.push(resolve));
    },
    dropped: (item) => dropped.push(item),
    ...{ patienceMs: 60_000, maxRunning: 1, maxWaiting: 10 },
    ...options,
  });
  return { newest, begun, dropped, ends };
}

test("the newest first, so many at a time", async () => {
  const { newest, begun, ends } = queue({ maxRunning: 2 });
  for (const item of [1, 2, 3, 4]) newest.add(item);
  for (let i = 0; i < 4; i++) await turn();
  expect(begun).toEqual([4, 3]);
  newest.add(5);
  ends[0]?.();
  for (let i = 0; i < 4; i++) await turn();
  expect(begun).toEqual([4, 3, 5]);
});

test("what nobody waits for any more is dropped, and so is the oldest of too many", async () => {
  const { newest, begun, dropped, ends } = queue({ maxWaiting: 3, patienceMs: 20 });
  newest.add(0);
  await turn();
  for (const item of [1, 2, 3, 4]) newest.add(item);
  expect(dropped).toEqual([1]);
  await new Promise((resolve) => setTimeout(resolve, 30));
  ends[0]?.();
  await turn();
  await turn();
  expect(begun).toEqual([0]);
  expect(dropped.sort()).toEqual([1, 2, 3, 4]);
});
