import type { Handling } from "@vextir/driver-runtime";
import { eventIdentity, storable } from "./event-row.ts";
import { identityOf } from "./identity.ts";

/** The columns of `handlings`. */
export interface HandlingRow {
  stored_at: string;
  identity: string;
  event: string;
  driver: string;
  subscription: string;
  attempt: number;
  at: string;
  duration_ms: number;
  outcome: string;
  reason: string | null;
  error: string | null;
}

/** `driver` is the publisher of the message by the server's word; the rest is what it says of itself. */
export function handlingRow(driver: string, handling: Handling, storedMs: number): HandlingRow {
  const { subscription, attempt, at, durationMs, outcome, reason, error } = handling;
  const event = eventIdentity(handling);
  return {
    stored_at: new Date(storedMs).toISOString(),
    identity: identityOf("handling", driver, subscription, event, attempt, at),
    event,
    driver,
    subscription: storable(subscription),
    attempt,
    at,
    duration_ms: durationMs,
    outcome: storable(outcome),
    reason: reason === undefined ? null : storable(reason),
    error: error === undefined ? null : storable(error),
  };
}
