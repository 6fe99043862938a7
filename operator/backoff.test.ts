import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { backoffMs } from "./backoff.ts";

const backoff = { baseMs: 100, maxMs: 30_000 };

test("a delay lies between half and the whole of the doubled base, and never exceeds the cap", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, chance) => {
        const full = Math.min(backoff.maxMs, backoff.baseMs * 2 ** (failures - 1));
        const delay = backoffMs(failures, backoff, () => chance);
        expect(delay).toBeGreaterThanOrEqual(full / 2);
        expect(delay).toBeLessThanOrEqual(full);
      },
    ),
  );
});
