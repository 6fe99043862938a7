import type { Lineage } from "@vextir/driver-runtime";

/**
 * What is to be done about one user's summary. States: Resting (no `dueMs`) -> Due, by a change -> Claimed, by the pod that makes it ->
 * Resting; a change meanwhile makes it Due again. A claim that is over is anybody's to take.
 */
export interface SummaryRecord {
  user: string;
  /** When the first change came that is not in it. */
  sinceMs?: number;
  dueMs?: number;
  /** What the last change came of. */
  cause?: Lineage;
  /** What is being made, and until when nobody else makes it. */
  claim?: { dueMs: number; untilMs: number };
  /** When it was made, or tried for good, last. */
  doneMs?: number;
  /** Tries in a row that the hub could not do. */
  failures?: number;
}

export interface Pace {
  debounceMs: number;
  maxDelayMs: number;
  /** Undefined: by changes alone. */
  everyMs: number | undefined;
}

const MIN_DEBOUNCE_MS = 1_000;
const MAX_RETRY_MS = 600_000;

/** After a change. Undefined: it is known of already, and nothing has to be written. */
export function marked(
  before: SummaryRecord | undefined,
  { user, cause, nowMs }: { user: string; cause: Lineage | undefined; nowMs: number },
  { debounceMs, maxDelayMs }: Pace,
): SummaryRecord | undefined {
  const restMs = Math.max(MIN_DEBOUNCE_MS, debounceMs);
  const isTaken = before?.claim !== undefined && before.claim.dueMs === before.dueMs;
  const sinceMs = isTaken ? nowMs : (before?.sinceMs ?? nowMs);
  const dueMs = Math.max(nowMs, Math.min(nowMs + restMs, sinceMs + maxDelayMs));
  if (!isTaken && before?.dueMs !== undefined) {
    if (cause?.id !== undefined && cause.id === before.cause?.id) return undefined;
    // Many changes in a row are not many writes.
    if (dueMs - before.dueMs < restMs / 2) return undefined;
  }
  const { cause: _, failures: __, ...rest } = before ?? { user };
  return {
    ...rest,
    sinceMs,
    dueMs: isTaken ? Math.max(dueMs, (before?.dueMs ?? 0) + 1) : dueMs,
    ...(cause && { cause }),
  };
}

/** When it wants to be made; undefined: not by itself. */
export function wantedMs({ dueMs, claim, doneMs }: SummaryRecord, { everyMs }: Pace): number | undefined {
  const byClock = everyMs === undefined || doneMs === undefined ? undefined : doneMs + everyMs;
  const wanted = dueMs ?? byClock;
  return wanted !== undefined && claim ? Math.max(wanted, claim.untilMs) : wanted;
}

/** Taken by who writes it first. */
export const claimed = (before: SummaryRecord, nowMs: number, leaseMs: number): SummaryRecord => {
  const dueMs = before.dueMs ?? nowMs;
  return { ...before, dueMs, claim: { dueMs, untilMs: nowMs + leaseMs } };
};

/** After it was made, or can't be: what came meanwhile stays to be done. */
export function settled(before: SummaryRecord, claim: SummaryRecord["claim"], nowMs: number): SummaryRecord {
  const { claim: _, failures: __, ...rest } = before;
  if (claim === undefined || before.dueMs !== claim.dueMs) return { ...rest, doneMs: nowMs };
  const { sinceMs: ___, dueMs: ____, cause: _____, ...resting } = rest;
  return { ...resting, doneMs: nowMs };
}

/** Given back by a pod that is told to stop: the next one need not wait for the claim's end. */
export function released(before: SummaryRecord, claim: SummaryRecord["claim"]): SummaryRecord {
  const { claim: held, ...rest } = before;
  return held?.untilMs === claim?.untilMs ? rest : before;
}

/** After the hub could not: later, and later again. */
export function postponed(before: SummaryRecord, nowMs: number, { debounceMs }: Pace): SummaryRecord {
  const { claim: _, failures = 0, ...rest } = before;
  const waitMs = Math.min(MAX_RETRY_MS, Math.max(MIN_DEBOUNCE_MS, debounceMs) * 2 ** Math.min(failures, 20));
  return { ...rest, failures: failures + 1, dueMs: nowMs + waitMs };
}
