import { expect, test } from "@jest/globals";
import { LongestTime } from "./longest-time.ts";

const MINUTE = 60_000;

test("the longest counts for five minutes at least, and ten at most", () => {
  let now = 0;
  const longest = new LongestTime(() => now);
  longest.told(300);
  longest.told(20);
  const seen = [0, 5, 9, 10].map((minutes) => {
    now = minutes * MINUTE;
    return longest.ms;
  });
  expect(seen).toEqual([300, 300, 300, 0]);
});

test("after a long silence nothing is left", () => {
  let now = 0;
  const longest = new LongestTime(() => now);
  longest.told(300);
  now = 60 * MINUTE;
  expect(longest.ms).toBe(0);
  longest.told(7);
  expect(longest.ms).toBe(7);
});
