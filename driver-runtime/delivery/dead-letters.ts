import { randomUUID } from "node:crypto";
import type { MsgHdrs } from "@nats-io/nats-core";
import { CE_PREFIX, DEAD_LETTER_HEADERS, encodeValue, subjects } from "@vextir/api";
import { messageHeaders } from "../bus/message-headers.ts";
import { MESSAGE_ID, type Store } from "../bus/store.ts";
import type { Grants } from "../driver/grants.ts";
import { DriverError } from "../errors.ts";

/** Why an event is in the dead letters; the header `Vextir-Reason`. */
export type DeadLetterReason =
  /** The last attempt failed. */
  | "AttemptsExhausted"
  /** The handler threw `TerminalError`. */
  | "Terminal"
  /** Its data is not what the handler's schema or its content type says. */
  | "InvalidData"
  /** It has more than `MAX_HOPS` hops: a loop. */
  | "TooManyHops";

export interface DeadLetter {
  type: string;
  reason: DeadLetterReason;
  error: string;
  attempts: number;
  /** How often it was redriven before. */
  redrives: number;
  subscription: string;
  subject: string;
  sequence: number;
  headers: ReadonlyMap<string, string>;
  payload: Uint8Array;
}

const MAX_ERROR_CHARS = 1_000;

/** Keeps what failed for good in the stream DEADLETTERS. Resolves when it is stored. @throws DriverError when it isn't. */
export class DeadLetters {
  readonly #driver: string;
  readonly #store: Store;
  readonly #grants: Grants;

  constructor(driver: string, store: Store, grants: Grants) {
    this.#driver = driver;
    this.#store = store;
    this.#grants = grants;
  }

  async keep(letter: DeadLetter): Promise<void> {
    // The id is random, and the same for every attempt: a guessable one could be taken by another driver before.
    const headers = { ...headersOf(letter), [MESSAGE_ID]: randomUUID() };
    try {
      await this.#put(letter, letter.payload, messageHeaders(headers));
    } catch (error) {
      if (!(error instanceof DriverError) || error.code !== "TooLarge") throw error;
      // The event filled the bus's largest message by itself: its sequence says where it is.
      const cut = { ...headers, [DEAD_LETTER_HEADERS.cut]: "true" };
      await this.#put(letter, new Uint8Array(0), messageHeaders(cut));
    }
  }

  async #put(letter: DeadLetter, payload: Uint8Array, set: MsgHdrs): Promise<void> {
    await this.#store.put({
      subject: subjects.deadLetter(this.#driver, letter.type),
      payload,
      headers: set,
      what: `dead letter of type "${letter.type}"`,
      refused: () => this.#grants.heldBack(`dead letter of type "${letter.type}"`),
    });
  }
}

function headersOf(letter: DeadLetter): Record<string, string> {
  const own = [...letter.headers].filter(([name, value]) => name.startsWith(CE_PREFIX) && value !== "");
  return {
    ...Object.fromEntries(own),
    [DEAD_LETTER_HEADERS.reason]: letter.reason,
    [DEAD_LETTER_HEADERS.error]: encodeValue(letter.error.slice(0, MAX_ERROR_CHARS)),
    [DEAD_LETTER_HEADERS.attempts]: String(letter.attempts),
    [DEAD_LETTER_HEADERS.subscription]: letter.subscription,
    [DEAD_LETTER_HEADERS.subject]: letter.subject,
    [DEAD_LETTER_HEADERS.sequence]: String(letter.sequence),
    ...(letter.redrives > 0 && { [DEAD_LETTER_HEADERS.redrives]: String(letter.redrives) }),
  };
}
