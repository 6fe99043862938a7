import { MAX_HOPS, matches } from "@vextir/api";
import type { DeliveryInfo } from "../bus/delivery-subject.ts";
import type { HandlerDefinition } from "../driver/definition.ts";
import { decodeEvent, type EnvelopeFault } from "../events/envelope.ts";
import type { Event, Replay } from "../events/event.ts";
import type { DeadLetterReason } from "./dead-letters.ts";
import type { Router } from "./router.ts";

export interface Delivery {
  /** Of the event, also where it came by another. */
  subject: string;
  info: DeliveryInfo;
  headers: ReadonlyMap<string, string>;
  payload: Uint8Array;
  /** It was sent to this driver again. */
  replay?: Replay;
}

export interface Rules {
  /** Patterns of the subscription. */
  types: readonly string[];
  passes: (event: Event) => boolean;
  router: Pick<Router, "find">;
  maxDeliver: number;
}

/** What is to be done with a delivery. */
export type Verdict =
  | { do: "Drop"; reason: EnvelopeFault | "OutsideSubscription" }
  | { do: "Acknowledge"; outcome: "Unmatched" | "Filtered" }
  | { do: "GiveUp"; event: Event; reason: DeadLetterReason; error: string }
  | { do: "Handle"; event: Event; handler: HandlerDefinition };

/**
 * Deliveries beyond `maxDeliver` in which an event is handled all the same: a delivery that was given back because its
 * pod stopped counts at the bus like a failed one. (The consumer allows ten.)
 */
const RETURNS = 5;

/** Decides by the envelope alone. */
export function triage(delivery: Delivery, rules: Rules): Verdict {
  const { subject, info, headers, payload, replay } = delivery;
  const decoded = decodeEvent({ subject, ...info }, headers, payload);
  if (typeof decoded === "string") return { do: "Drop", reason: decoded };
  const { dataError } = decoded;
  const event = replay ? { ...decoded.event, replay } : decoded.event;
  if (!rules.types.some((type) => matches(type, event.type)))
    return { do: "Drop", reason: "OutsideSubscription" };
  if (!rules.passes(event)) return { do: "Acknowledge", outcome: "Filtered" };
  const handler = rules.router.find(event.type);
  if (!handler) return { do: "Acknowledge", outcome: "Unmatched" };
  const giveUp = (reason: DeadLetterReason, error: string): Verdict => ({
    do: "GiveUp",
    event,
    reason,
    error,
  });
  const attemptsEnded = info.attempt > rules.maxDeliver + RETURNS;
  if (handler.lenient && !attemptsEnded)
    return { do: "Handle", event: dataError ? { ...event, data: payload } : event, handler };
  if (event.hops > MAX_HOPS) return giveUp("TooManyHops", `more than ${MAX_HOPS} hops: is there a loop?`);
  if (attemptsEnded)
    return giveUp("AttemptsExhausted", "its attempts ended without a word: did they end the process?");
  if (dataError) return giveUp("InvalidData", `its data can't be read: ${dataError.message}`);
  return { do: "Handle", event, handler };
}
