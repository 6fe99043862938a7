const DAY_MS = 86_400_000;

/** A partition's range in milliseconds since the epoch, its end excluded. */
export interface Span {
  fromMs: number;
  toMs: number;
}

/** Few enough partitions that a look into all of them stays cheap: about fourteen at most. */
export function partitionDays(retentionMs: number): number {
  const days = retentionMs / DAY_MS;
  if (days <= 14) return 1;
  return days <= 98 ? 7 : Math.ceil(days / 14);
}

/** The span that a time without one belongs to: the calendar's, as far as its neighbours leave it (the width may have changed). */
export function missingSpan(existing: readonly Span[], atMs: number, days: number): Span {
  const width = days * DAY_MS;
  const start = Math.floor(atMs / width) * width;
  const before = existing.filter(({ toMs }) => toMs <= atMs).map(({ toMs }) => toMs);
  const after = existing.filter(({ fromMs }) => fromMs > atMs).map(({ fromMs }) => fromMs);
  return { fromMs: Math.max(start, ...before), toMs: Math.min(start + width, ...after) };
}

export const isIn = ({ fromMs, toMs }: Span, atMs: number) => fromMs <= atMs && atMs < toMs;
