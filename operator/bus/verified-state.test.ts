import { expect, test } from "@jest/globals";
import { RecentSet } from "./recent-set.ts";
import { VerifiedState } from "./verified-state.ts";

test("a state is known until it changes, is forgotten, or gets old", () => {
  const known = new VerifiedState();
  known.set("k", { a: 1, b: [2] });
  expect(known.holds("k", { b: [2], a: 1 })).toBe(true);
  expect(known.holds("k", { a: 2, b: [2] })).toBe(false);
  known.forget("k");
  expect(known.holds("k", { a: 1, b: [2] })).toBe(false);

  const forgetful = new VerifiedState(0);
  forgetful.set("k", 1);
  expect(forgetful.holds("k", 1)).toBe(false);
});

test("the oldest values are forgotten first", () => {
  const set = new RecentSet(2);
  for (const value of ["a", "b", "a", "c"]) set.add(value);
  expect(["a", "b", "c"].map((value) => set.has(value))).toEqual([true, false, true]);
});
