import { expect, test } from "@jest/globals";
import { RateLimiter } from "./rate.ts";

test("a burst, then as many as the time brings, each by himself", () => {
  let now = 0;
  const limiter = new RateLimiter({ burst: 3, perSecond: 2 }, () => now);
  expect([1, 2, 3].map(() => limiter.waitSeconds("a"))).toEqual([0, 0, 0]);
  expect(limiter.waitSeconds("a")).toBe(1);
  expect(limiter.waitSeconds("b")).toBe(0);
  now = 500;
  expect(limiter.waitSeconds("a")).toBe(0);
  expect(limiter.waitSeconds("a")).toBe(1);
  now = 3_600_000;
  expect([1, 2, 3, 4].map(() => limiter.waitSeconds("a"))).toEqual([0, 0, 0, 1]);
});

test("a look costs nothing", () => {
  const limiter = new RateLimiter({ burst: 1, perSecond: 1 }, () => 0);
  expect([limiter.waitSeconds("a", 0), limiter.waitSeconds("a", 0), limiter.waitSeconds("a")]).toEqual([
    0, 0, 0,
  ]);
  expect(limiter.waitSeconds("a", 0)).toBe(1);
});
