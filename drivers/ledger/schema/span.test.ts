import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isIn, missingSpan, partitionDays, type Span } from "./span.ts";

const DAY_MS = 86_400_000;

test.each([
  { days: 1, width: 1 },
  { days: 14, width: 1 },
  { days: 30, width: 7 },
  { days: 90, width: 7 },
  { days: 365, width: 27 },
])("$days days of retention: partitions of $width", ({ days, width }) => {
  expect(partitionDays(days * DAY_MS)).toBe(width);
});

test("whatever the order of times and the widths over the years, spans hold their time and never overlap", () => {
  const step = fc.record({
    at: fc.integer({ min: 0, max: 2_000 * DAY_MS }),
    days: fc.constantFrom(1, 7, 27, 30),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const spans: Span[] = [];
      for (const { at, days } of steps) {
        if (spans.some((span) => isIn(span, at))) continue;
        const span = missingSpan(spans, at, days);
        expect(isIn(span, at)).toBe(true);
        expect(span.toMs - span.fromMs).toBeLessThanOrEqual(days * DAY_MS);
        for (const other of spans) expect(span.toMs <= other.fromMs || span.fromMs >= other.toMs).toBe(true);
        spans.push(span);
      }
    }),
  );
});
