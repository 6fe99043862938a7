import type { Msg } from "@nats-io/nats-core";
import {
  ACK,
  type DeliveryInfo,
  IN_PROGRESS,
  parseDelivery,
  retryIn,
  terminate,
} from "../bus/delivery-subject.ts";
import type { Link } from "../bus/link.ts";
import type { Lane } from "./lane.ts";

/** What became of a delivery; the label `outcome` of `vextir_driver_events_handled_total`. */
export type Outcome =
  | "Succeeded"
  /** Failed; to be delivered again later. */
  | "Retried"
  | "DeadLettered"
  /** Failed for good, and the subscription keeps no dead letters. */
  | "GivenUp"
  /** No handler for its type: acknowledged. */
  | "Unmatched"
  /** A filter of the subscription let it not pass: acknowledged. */
  | "Filtered"
  /** Was no event: never delivered again. */
  | "Dropped"
  /** Given back unhandled, because the driver stops. */
  | "Returned";

export interface HandlingPlace {
  link: Link;
  lane: Lane;
  /** How long it is this process's without a word to the bus. */
  leaseMs: number;
}

/**
 * One delivery in hand, from its arrival until it is settled, once. The bus may deliver it again meanwhile (its
 * acknowledgement time ran out while the connection was away): then the newest delivery is the one answered.
 */
export class Handling {
  /** Where it is in hand. */
  readonly lane: Lane;
  readonly sequence: number;
  readonly bytes: number;
  readonly beganMs = performance.now();
  attempt: number;
  readonly #leaseMs: number;
  /** When another process may have been given it, in the time of `performance.now()`. */
  #heldUntilMs: number;
  #reply: string;
  #settled = false;
  readonly #link: Link;
  /** Tells the handler that its work is no longer wanted: it is too slow, or the driver stops. */
  abort: (reason: Error) => void = () => {};
  /** When the handler has taken too long, in the time of `performance.now()`. */
  deadlineMs = Number.POSITIVE_INFINITY;

  constructor(place: HandlingPlace, message: Msg, { sequence, attempt }: DeliveryInfo) {
    this.#link = place.link;
    this.lane = place.lane;
    this.#leaseMs = place.leaseMs;
    this.#heldUntilMs = this.beganMs + place.leaseMs;
    this.sequence = sequence;
    this.attempt = attempt;
    this.bytes = message.data.length + ENVELOPE_BYTES;
    this.#reply = message.reply ?? "";
  }

  get settled(): boolean {
    return this.#settled;
  }

  /** Its acknowledgement time ran out: an answer could no longer be told from that of who has it now. */
  get lapsed(): boolean {
    return performance.now() > this.#heldUntilMs;
  }

  lapse(): void {
    this.#heldUntilMs = 0;
  }

  again(message: Msg): void {
    const info = parseDelivery(message.reply);
    if (!info) return;
    this.#reply = message.reply ?? "";
    this.attempt = Math.max(this.attempt, info.attempt);
    this.#heldUntilMs = performance.now() + this.#leaseMs;
    this.inProgress();
  }

  /** Starts the acknowledgement time anew. */
  readonly inProgress = (): void => {
    if (this.#settled || this.lapsed) return;
    if (this.#link.send(this.#reply, IN_PROGRESS)) this.#heldUntilMs = performance.now() + this.#leaseMs;
  };

  tooSlow(): void {
    const limit = Math.round((this.deadlineMs - this.beganMs) / 1e3);
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.abort(new Error(`the handler took longer than ${limit} s`));
  }

  /** Answers the bus; false when that was done before. While the connection is away the answer waits for it, `patienceMs` at most. */
  settle(
    outcome: Outcome,
    options: { delayMs?: number; reason?: string; patienceMs?: number } = {},
  ): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    if (this.lapsed) return true;
    const answer = answerOf(outcome, options);
    if (this.#link.send(this.#reply, answer)) return true;
    const patienceMs = Math.min(options.patienceMs ?? 30_000, this.#heldUntilMs - performance.now());
    void this.#sendLater(answer, patienceMs);
    return true;
  }

  async #sendLater(answer: Uint8Array, patienceMs: number): Promise<void> {
    if ((await this.#link.whenUp(patienceMs)) && !this.lapsed) this.#link.send(this.#reply, answer);
  }
}

/** Headers and subjects of an event take about this much. */
const ENVELOPE_BYTES = 1_024;

function answerOf(
  outcome: Outcome,
  { delayMs = 0, reason = outcome }: { delayMs?: number; reason?: string },
) {
  switch (outcome) {
    case "Retried":
    case "Returned":
      return retryIn(delayMs);
    case "DeadLettered":
    case "GivenUp":
    case "Dropped":
      return terminate(reason);
    default:
      return ACK;
  }
}
