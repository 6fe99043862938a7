import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { networkOf, RateLimit } from "./rate-limit.ts";

test("a burst at once, then the rate; and it says when to come again", () => {
  let now = 0;
  const limit = new RateLimit({ perSecond: 10, burst: 3 }, () => now);
  expect([1, 2, 3].map(() => limit.take("a"))).toEqual([0, 0, 0]);
  expect(limit.take("a")).toBeCloseTo(100);
  expect(limit.take("b")).toBe(0);
  now = 99;
  expect(limit.take("a")).toBeCloseTo(1);
  now = 100;
  expect(limit.take("a")).toBe(0);
});

test("what costs more than there ever is takes all there is", () => {
  let now = 0;
  const limit = new RateLimit({ perSecond: 1, burst: 5 }, () => now);
  expect(limit.take("a", 100)).toBe(0);
  expect(limit.take("a")).toBeCloseTo(1_000);
  now = 5_000;
  expect(limit.take("a", 100)).toBe(0);
});

test("never more than burst + rate x time, however it is asked", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 1, max: 20 })), {
        maxLength: 200,
      }),
      (perSecond, burst, steps) => {
        let now = 0;
        let taken = 0;
        const limit = new RateLimit({ perSecond, burst }, () => now);
        for (const [pause, cost] of steps) {
          now += pause;
          if (limit.take("k", cost) === 0) taken += Math.min(cost, burst);
          expect(taken).toBeLessThanOrEqual(burst + (perSecond * now) / 1_000 + 1e-3);
        }
      },
    ),
  );
});

test("it remembers only so many, those that were used last", () => {
  const limit = new RateLimit({ perSecond: 1, burst: 1 }, () => 0, 3);
  for (const key of ["a", "b", "c", "d"]) expect(limit.take(key)).toBe(0);
  expect(limit.size).toBe(3);
  expect(limit.take("d")).toBeGreaterThan(0);
  expect(limit.take("a")).toBe(0);
});

test.each([
  { address: "192.0.2.7", network: "192.0.2.7", reason: "IPv4" },
  { address: "::ffff:192.0.2.7", network: "192.0.2.7", reason: "IPv4 on a socket for both" },
  { address: "2001:db8:1:2:3:4:5:6", network: "2001:db8:1:2::/64", reason: "IPv6" },
  { address: "2001:DB8:01:2::9", network: "2001:db8:1:2::/64", reason: "shortened" },
  { address: "2001:db8::9", network: "2001:db8:0:0::/64", reason: "shortened before the network's end" },
  { address: "fe80::1%eth0", network: "fe80:0:0:0::/64", reason: "with a zone" },
  { address: "::1", network: "0:0:0:0::/64", reason: "this machine" },
])("$address counts as $network: $reason", ({ address, network }) => {
  expect(networkOf(address)).toBe(network);
});
