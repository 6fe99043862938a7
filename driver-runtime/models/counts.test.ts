import { expect, test } from "@jest/globals";
import { Counts, memoryCounts } from "./counts.ts";

const more = (before = 0) => before + 1;

test("of changes at once each counts, also those of other processes", async () => {
  const store = memoryCounts();
  const pods = [new Counts<number>(store), new Counts<number>(store), new Counts<number>(store)];
  await Promise.all(Array.from({ length: 99 }, (_, i) => pods[i % 3]?.change("key", more)));
  expect((await store.get("key"))?.value).toBe(99);
});

test("one that throws changes nothing, and holds up none that came with it", async () => {
  const store = memoryCounts();
  const counts = new Counts<number>(store);
  const refusal = new Error("enough");
  const refuse = () => {
    throw refusal;
  };
  const settled = await Promise.allSettled(
    [more, refuse, more, refuse].map((one) => counts.change("key", one)),
  );
  expect(settled.map((one) => (one.status === "rejected" ? one.reason : "done"))).toEqual([
    "done",
    refusal,
    "done",
    refusal,
  ]);
  expect((await store.get("key"))?.value).toBe(2);
});

test("a store that fails fails those that wait for it, and those after them are tried", async () => {
  const store = memoryCounts();
  const failure = new Error("away");
  let isAway = true;
  const counts = new Counts<number>({
    ...store,
    get: (key) => (isAway ? Promise.reject(failure) : store.get(key)),
  });
  await expect(counts.change("key", more)).rejects.toBe(failure);
  isAway = false;
  await counts.change("key", more);
  expect((await store.get("key"))?.value).toBe(1);
});
