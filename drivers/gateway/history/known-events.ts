import type { Call } from "@vextir/driver-runtime";
import { z } from "zod";
import type { KnownBefore } from "../acceptance.ts";
import type { IncomingEvent } from "../cloudevents/incoming.ts";
import type { Identity } from "../identity.ts";

export interface KnownEventsParts {
  call: Call;
  /** Name of the ledger's Driver. */
  ledger: string;
  /** So long the bus itself knows an event that is sent again. */
  windowMs: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
}

/** An event waits for the ledger no longer. */
const ANSWER_MS = 1_000;
/** Without an answer the ledger is left alone for so long: else every event would wait for it in vain. */
const PAUSE_MS = 5_000;
/** Events of one question. */
const MAX_ASKED = 256;
const Answer = z.object({ known: z.array(z.int()) });

interface Question {
  source: string;
  id: string;
  correlation: string;
  answered: (known: boolean) => void;
}

/**
 * Asks the ledger for events that may have been accepted so long ago that the bus has forgotten them. An event that says that it
 * happened just now can't have been, so the usual one costs no question. While the ledger gives no answer, every event is new:
 * delivery is at least once, and history takes it once all the same.
 */
export class KnownEvents implements KnownBefore {
  readonly #parts: KnownEventsParts;
  readonly #now: () => number;
  #waiting: Question[] = [];
  #pausedUntil = 0;

  constructor(parts: KnownEventsParts) {
    this.#parts = parts;
    this.#now = parts.now ?? Date.now;
  }

  async has(
    { source, id, time }: Pick<IncomingEvent, "source" | "id" | "time">,
    { correlationId }: Identity,
  ): Promise<boolean> {
    if (this.#now() < this.#pausedUntil || this.#isOfNow(time)) return false;
    return new Promise((answered) => {
      const question = { source, id, correlation: correlationId, answered };
      // Those of one turn of the loop are asked together.
      if (this.#waiting.push(question) === 1) setImmediate(() => this.#askAll());
    });
  }

  /** Half of the window is left to clocks that differ. */
  #isOfNow(time: string | undefined): boolean {
    const age = time === undefined ? Number.NaN : this.#now() - Date.parse(time);
    return age >= 0 && age < this.#parts.windowMs / 2;
  }

  #askAll(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    while (waiting.length > 0) void this.#ask(waiting.splice(0, MAX_ASKED));
  }

  /** Never rejects. */
  async #ask(questions: readonly Question[]): Promise<void> {
    const known = new Set(await this.#knownOf(questions));
    for (const [place, { answered }] of questions.entries()) answered(known.has(place));
  }

  async #knownOf(questions: readonly Question[]): Promise<number[]> {
    const { call, ledger } = this.#parts;
    const events = questions.map(({ answered: _, ...event }) => event);
    try {
      return Answer.parse(await call(`${ledger}.known`, { events }, { timeoutMs: ANSWER_MS })).known;
    } catch {
      this.#pausedUntil = this.#now() + PAUSE_MS;
      return [];
    }
  }
}
