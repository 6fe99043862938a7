import { setTimeout as delay } from "node:timers/promises";
import type { JetStreamManager, MsgRequest, StoredMsg } from "@nats-io/jetstream";
import { DEAD_LETTER_HEADERS, decodeValue, matches } from "@vextir/api";
import { valuesOf } from "../bus/message-headers.ts";
import { decodeEvent } from "../events/envelope.ts";
import type { Event } from "../events/event.ts";

const LOOK_MS = 10;

/** What a stream stored from its beginning on, read when it is asked for. */
export class Recording<T> {
  readonly #jetstream: JetStreamManager;
  readonly #stream: string;
  readonly #read: (message: StoredMsg) => T | undefined;
  readonly #items: T[] = [];
  #next = 1;
  #reading: Promise<void> | undefined;

  constructor(jetstream: JetStreamManager, stream: string, read: (message: StoredMsg) => T | undefined) {
    this.#jetstream = jetstream;
    this.#stream = stream;
    this.#read = read;
  }

  /** The items that pass, as soon as there are `count`. @throws Error after `timeoutMs`, saying how many there were. */
  async first(count: number, timeoutMs: number, passes: (item: T) => boolean, what: string): Promise<T[]> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      await this.#readOn();
      const found = this.#items.filter(passes);
      if (found.length >= count) return found;
      if (Date.now() > until)
        throw new Error(`expected ${count} ${what} within ${timeoutMs} ms, there were ${found.length}`);
      await delay(LOOK_MS);
    }
  }

  /** One reads at a time, for all who wait. */
  #readOn(): Promise<void> {
    this.#reading ??= this.#readAll().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readAll(): Promise<void> {
    for (;;) {
      const query = { seq: this.#next, next_by_subj: ">" } as MsgRequest;
      // A bus that is away now is asked again by whoever waits.
      const message = await this.#jetstream.streams.getMessage(this.#stream, query).catch(() => null);
      if (!message) return;
      this.#next = message.seq + 1;
      const item = this.#read(message);
      if (item !== undefined) this.#items.push(item);
    }
  }
}

export interface DeadLetterRecord {
  /** Type of the event. */
  type: string;
  /** Driver whose dead letter it is. */
  driver: string;
  reason: string;
  error: string;
  attempts: number;
  subscription: string;
  /** Subject that the event had. */
  subject: string;
  /** Data as text. */
  text: string;
}

export function readEvent(message: StoredMsg): Event | undefined {
  const stored = { subject: message.subject, sequence: message.seq, storedMs: message.time.getTime() };
  const decoded = decodeEvent(stored, valuesOf(message.header), message.data);
  return typeof decoded === "string" ? undefined : decoded.event;
}

export function readDeadLetter(message: StoredMsg): DeadLetterRecord {
  const map = valuesOf(message.header);
  const [, driver = "", ...type] = message.subject.split(".");
  const get = (name: string) => decodeValue(map.get(name) ?? "");
  return {
    type: type.join("."),
    driver,
    reason: get(DEAD_LETTER_HEADERS.reason),
    error: get(DEAD_LETTER_HEADERS.error),
    attempts: Number(get(DEAD_LETTER_HEADERS.attempts)),
    subscription: get(DEAD_LETTER_HEADERS.subscription),
    subject: get(DEAD_LETTER_HEADERS.subject),
    text: Buffer.from(message.data).toString(),
  };
}

export const ofType =
  (pattern: string) =>
  ({ type }: { type: string }) =>
    matches(pattern, type);
