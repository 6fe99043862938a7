import { z } from "zod";

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };
const PATTERN = /^(\d+(\.\d+)?(ms|s|m|h))+$/;

/** A Go duration (`30s`, `1m30s`, `250ms`), as metav1.Duration writes it. */
export const Duration = z.string().max(32).regex(PATTERN, "a duration such as 30s, 1m30s or 250ms");

/** Milliseconds of a Go duration. @throws RangeError when it is none. */
export function durationMs(text: string): number {
  if (!PATTERN.test(text)) throw new RangeError(`"${text}" is not a duration such as 30s, 1m30s or 250ms`);
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g))
    total += Number(amount) * (UNITS[unit ?? ""] ?? 0);
  return total;
}
