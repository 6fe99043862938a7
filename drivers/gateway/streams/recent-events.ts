import type { Event } from "@vextir/driver-runtime";
import { toJson } from "../waiting/collected-event.ts";
import { frame } from "./frames.ts";
import { placeText } from "./place.ts";

/** An event and its text for streams. */
export interface Shown {
  /** In the bus's stream; 0: of a bus whose order is another. */
  sequence: number;
  event: Event;
  text: string;
}

const MAX_EVENTS = 1_000;
const MAX_CHARS = 4_194_304;
/** A Driver's own name; what comes from elsewhere has another form, and an order of its own. */
const OWN = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;

/** `ms`: about when it was stored. */
export function shown(event: Event, ms: number): Shown {
  const sequence = OWN.test(event.publisher) ? event.sequence : 0;
  const data = JSON.stringify(toJson(event));
  return { sequence, event, text: frame({ ...(sequence > 0 && { id: placeText({ sequence, ms }) }), data }) };
}

/** The latest events, for those who come back. */
export class RecentEvents {
  readonly #events: Shown[] = [];
  #chars = 0;

  add(event: Shown): void {
    this.#events.push(event);
    this.#chars += event.text.length;
    while (this.#events.length > MAX_EVENTS || this.#chars > MAX_CHARS)
      this.#chars -= this.#events.shift()?.text.length ?? 0;
  }

  clear(): void {
    this.#events.length = 0;
    this.#chars = 0;
  }

  /** Whether nothing that came after this one is missing. */
  reaches(sequence: number): boolean {
    const oldest = this.#events.find((event) => event.sequence > 0);
    return oldest !== undefined && oldest.sequence <= sequence;
  }

  after(sequence: number): Shown[] {
    return this.#events.filter((event) => event.sequence > sequence);
  }
}
