/** Delay before a further attempt: doubles from `baseMs` up to `maxMs`, of which half is random so that crowds disperse. */
export interface Backoff {
  baseMs: number;
  maxMs: number;
}

/** `failures` counts those in a row, from 1. */
export function backoffMs(failures: number, { baseMs, maxMs }: Backoff, random = Math.random): number {
  // Beyond 2^30 the shift would overflow; the cap is reached long before.
  const full = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + (full / 2) * random();
}
