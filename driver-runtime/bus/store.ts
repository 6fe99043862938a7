import { setTimeout as delay } from "node:timers/promises";
import type { Msg, MsgHdrs } from "@nats-io/nats-core";
import { DriverError } from "../errors.ts";
import { type Failure, isFailure, type Link } from "./link.ts";
import { Semaphore } from "./semaphore.ts";

/** Messages in flight; more wait in line, and beyond the line they are refused. */
const IN_FLIGHT = 512;
const IN_LINE = 16_384;
const ACK_TIMEOUT_MS = 5_000;
/** Over all attempts to store one message, the bus's absence included. */
const GIVE_UP_MS = 30_000;
/** So long nobody answering may mean that the bus is starting; after that, that there is no grant. */
const GRANT_WAIT_MS = 2_000;
/** Headers are only measured when the payload comes near the limit. */
const HEADER_ALLOWANCE = 64 * 1_024;
/** The stream stores a second message with the same id once (within its duplicate window). */
export const MESSAGE_ID = "Nats-Msg-Id";

/** JetStream's error codes (server/errors.json) that mean one thing here. */
const TOO_LARGE = 10054;
const CONFLICT = new Set([10071, 10164]);
/** The stream is full and refuses what is new. */
const FULL = 10077;

/** What JetStream answers to a stored message. */
export interface StoreAck {
  sequence: number;
  duplicate: boolean;
}

/** A message for a stream. It carries a message id of its own, so that trying again stores it once. */
export interface Storable {
  subject: string;
  payload: Uint8Array;
  headers: MsgHdrs;
  /** For errors: `event "chat.message.sent"`. */
  what: string;
  /** The error when the bus takes no such message from this driver. */
  refused: () => DriverError;
}

/** Puts messages into streams, each acknowledged before `put` resolves. */
export class Store {
  readonly #link: Link;
  readonly #maxBytes: number;
  readonly #slots = new Semaphore(IN_FLIGHT, IN_LINE);

  constructor(link: Link, maxBytes: number) {
    this.#link = link;
    this.#maxBytes = maxBytes;
  }

  /** @throws DriverError `NotGranted`, `TooLarge`, `Conflict`, `Unavailable`, `Overloaded`, `Closed` */
  async put(message: Storable): Promise<StoreAck> {
    this.#checkSize(message);
    const slot = this.#slots.acquire();
    if (!slot)
      throw new DriverError(
        "Overloaded",
        `${message.what}: ${IN_LINE} messages are waiting already; await them before sending more`,
      );
    if (slot !== true) await slot;
    try {
      return await this.#attempts(message);
    } finally {
      this.#slots.release();
    }
  }

  async #attempts({ subject, payload, headers, what, refused }: Storable): Promise<StoreAck> {
    const began = Date.now();
    let nobodySince: number | undefined;
    for (let attempt = 1; ; attempt++) {
      const leftMs = began + GIVE_UP_MS - Date.now();
      const timeoutMs = this.#link.up ? Math.min(ACK_TIMEOUT_MS, leftMs) : leftMs;
      const answer = await this.#link.request(subject, payload, { timeoutMs, headers });
      const outcome = isFailure(answer) ? answer : storeAck(answer);
      if (typeof outcome === "object" && "sequence" in outcome) return outcome;
      const now = Date.now();
      // Since when on end: while an account is pushed nobody answers for a moment, also after a long absence of the bus.
      nobodySince = outcome === "NoResponders" ? (nobodySince ?? now) : undefined;
      if (nobodySince !== undefined && now - nobodySince >= GRANT_WAIT_MS) throw refused();
      const error = failed(outcome, now - began, what, refused);
      if (error) throw error;
      await delay(Math.min(1_000, 20 * 2 ** attempt));
    }
  }

  #checkSize({ payload, headers, what }: Storable): void {
    const limit = Math.min(this.#maxBytes, this.#link.maxPayload);
    if (payload.length + HEADER_ALLOWANCE <= limit) return;
    const bytes = payload.length + (headers as unknown as { encode(): Uint8Array }).encode().length;
    if (bytes > limit)
      throw new DriverError(
        "TooLarge",
        `${what} has ${bytes} bytes with its headers, and the bus takes ${limit}: put the content elsewhere and send a reference`,
      );
  }
}

interface ApiError {
  code: number;
  err_code: number;
  description: string;
}

function storeAck(answer: Msg): StoreAck | ApiError | "NoAck" {
  try {
    const ack = answer.json<{ seq?: number; duplicate?: boolean; error?: ApiError }>();
    if (ack.error) return ack.error;
    return typeof ack.seq === "number" ? { sequence: ack.seq, duplicate: ack.duplicate === true } : "NoAck";
  } catch {
    return "NoAck";
  }
}

/** The error to give up with; undefined when trying again may help. */
function failed(
  outcome: Failure | ApiError | "NoAck",
  waitedMs: number,
  what: string,
  refused: () => DriverError,
): DriverError | undefined {
  const late = waitedMs >= GIVE_UP_MS - 10;
  switch (outcome) {
    case "Denied":
      return refused();
    case "TooLarge":
      return new DriverError("TooLarge", `${what} is larger than the bus takes`);
    case "Closed":
      return new DriverError("Closed", `${what}: the connection to the bus is closed`);
    case "NoAck":
      return new DriverError("Unavailable", `${what}: what answered was no stream of the bus`);
    case "NoResponders":
    case "Timeout":
    case "Lost":
      return late
        ? new DriverError(
            "Unavailable",
            `${what}: the bus did not acknowledge it within ${GIVE_UP_MS / 1e3} s`,
          )
        : undefined;
  }
  if (outcome.err_code === TOO_LARGE)
    return new DriverError("TooLarge", `${what} is larger than the bus takes: ${outcome.description}`);
  if (CONFLICT.has(outcome.err_code)) return new DriverError("Conflict", `${what}: ${outcome.description}`);
  if (outcome.code === 503 && outcome.err_code !== FULL && !late) return undefined;
  return new DriverError("Unavailable", `${what}: the bus did not store it: ${outcome.description}`);
}
