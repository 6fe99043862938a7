import type { Capacity } from "../bus/pull.ts";
import { Waiters } from "../bus/waiters.ts";
import { LongestTime } from "../observability/longest-time.ts";
import type { Handling } from "./handling.ts";

export interface InHandLimits {
  messages: number;
  /** Largest event; as much must be free before more is pulled. */
  maxEventBytes: number;
}

/** Bytes of events in hand, per subscription; two of the largest fit at least. */
const MAX_BYTES = 32 * 1_048_576;
/** Headers of the largest event come on top of it. */
const HEADER_BYTES = 65_536;

/** The deliveries of a subscription that are not settled yet, by their sequence in the stream. */
export class InHand {
  readonly #limits: InHandLimits;
  readonly #maxBytes: number;
  readonly #handlings = new Map<number, Handling>();
  readonly #idle = new Waiters();
  readonly #longest = new LongestTime();
  #bytes = 0;

  constructor(limits: InHandLimits) {
    this.#limits = limits;
    this.#maxBytes = Math.max(MAX_BYTES, 2 * (limits.maxEventBytes + HEADER_BYTES));
  }

  get size(): number {
    return this.#handlings.size;
  }

  /** The longest time that a handling took lately, or has taken so far. */
  get longestMs(): number {
    const [oldest] = this.#handlings.values();
    return Math.max(this.#longest.ms, oldest ? performance.now() - oldest.beganMs : 0);
  }

  all(): Handling[] {
    return [...this.#handlings.values()];
  }

  get(sequence: number): Handling | undefined {
    return this.#handlings.get(sequence);
  }

  add(handling: Handling): void {
    this.#handlings.set(handling.sequence, handling);
    this.#bytes += handling.bytes;
  }

  remove(handling: Handling): void {
    if (!this.#handlings.delete(handling.sequence)) return;
    this.#bytes -= handling.bytes;
    this.#longest.told(performance.now() - handling.beganMs);
    if (this.#handlings.size === 0) this.#idle.wake();
  }

  capacity(): Capacity {
    const messages = this.#limits.messages - this.#handlings.size;
    const bytes = this.#maxBytes - this.#bytes;
    // A request for less than the largest event could never be answered with it.
    return bytes < this.#limits.maxEventBytes + HEADER_BYTES
      ? { messages: 0, bytes: 0 }
      : { messages, bytes };
  }

  /** Resolves when nothing is in hand, or after `timeoutMs`. */
  async whenIdle(timeoutMs: number): Promise<void> {
    if (this.#handlings.size > 0) await this.#idle.wait(timeoutMs);
  }
}
