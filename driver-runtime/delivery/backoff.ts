import { durationMs, type Subscription } from "@vextir/api";
import type { RetryableError } from "../errors.ts";

/** Delay before the next attempt: what the error asks for, else the subscription's, the last of which repeats. */
export function retryDelayMs(error: unknown, attempt: number, backoff: readonly string[]): number {
  // By name: a driver's module may bring another copy of the runtime.
  const asked =
    (error as Error | undefined)?.name === "RetryableError"
      ? (error as RetryableError).retryAfterMs
      : undefined;
  if (asked !== undefined && Number.isFinite(asked)) return Math.min(Math.max(0, asked), MAX_DELAY_MS);
  const step = backoff[Math.min(attempt, backoff.length) - 1];
  return step === undefined ? 0 : durationMs(step);
}

/** Longer asks are shortened to it. */
const MAX_DELAY_MS = 24 * 3_600_000;

export const isTerminal = (error: unknown) => (error as Error | undefined)?.name === "TerminalError";

export interface DeliveryLimits {
  ackWaitMs: number;
  maxDeliver: number;
  backoff: readonly string[];
  deadLetter: boolean;
  /** Of one lane. */
  maxInHand: number;
  /** An event whose acknowledgement time was not begun anew for as long is no longer this process's; without order it doesn't matter. */
  leaseMs: number;
}

/** More than this many events are never in hand at once in one process, whatever `maxAckPending` allows. */
const MAX_IN_HAND = 256;

export function limitsOf({ ordering, delivery }: Subscription): DeliveryLimits {
  return {
    ackWaitMs: Math.max(1_000, durationMs(delivery.ackWait)),
    maxDeliver: delivery.maxDeliver,
    backoff: delivery.backoff,
    deadLetter: delivery.deadLetter,
    leaseMs: ordering === "ByKey" ? durationMs(delivery.ackWait) : Number.POSITIVE_INFINITY,
    maxInHand: ordering === "ByKey" ? 1 : Math.min(delivery.maxAckPending, MAX_IN_HAND),
  };
}
