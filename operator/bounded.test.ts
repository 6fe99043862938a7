import { expect, test } from "@jest/globals";
import { forEachBounded } from "./bounded.ts";

test("all items, so many at a time", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await forEachBounded([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

test("after a failure nothing more is begun", async () => {
  const cause = new Error("no");
  const begun: number[] = [];
  const work = async (item: number) => {
    begun.push(item);
    await new Promise(setImmediate);
    if (item === 2) throw cause;
  };
  await expect(forEachBounded([1, 2, 3, 4, 5, 6], 2, work)).rejects.toBe(cause);
  expect(begun.length).toBeLessThan(5);
});
