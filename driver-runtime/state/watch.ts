import { setTimeout as delay } from "node:timers/promises";
import type { Subscription } from "@nats-io/nats-core";
import type { Logger } from "pino";
import type { Link } from "../bus/link.ts";
import { type Listing, pages } from "./pages.ts";
import type { StateChange, Watch } from "./state.ts";
import { parsedValue, readStored, type StoredValue } from "./stored-value.ts";

export interface WatchParts<T> {
  link: Link;
  listing: Listing;
  /** Subject of the republished changes. */
  changes: string;
  changed: (change: StateChange<T>) => void | Promise<void>;
  log: Logger;
}

/** Changes waiting for the callback; beyond it they are dropped and read from the bucket again. */
const MAX_QUEUED = 1_024;
const RETRY_MS = 1_000;

/**
 * Follows a bucket: first what is in it, then what changes. Both are in order of revision, so the highest revision given
 * so far is all that is needed to give nothing twice; whenever something may have been missed (the beginning, a lost
 * connection, a full queue) the bucket is read from that revision on.
 */
export async function watchBucket<T>(parts: WatchParts<T>): Promise<Watch> {
  const follower = new Follower(parts);
  await follower.begin();
  return follower;
}

class Follower<T> implements Watch {
  readonly #parts: WatchParts<T>;
  readonly #queue: StoredValue[] = [];
  readonly #subscription: Subscription;
  readonly #off: () => void;
  #revision = 0;
  #gap = false;
  #running = true;
  #stopped = false;

  constructor(parts: WatchParts<T>) {
    this.#parts = parts;
    this.#subscription = parts.link.connection.subscribe(parts.changes, {
      callback: (error, message) => {
        if (error) return parts.log.error({ err: error }, "changes of the state can't be followed");
        const stored = readStored(message, parts.listing.subjectPrefix);
        if (stored) this.#push(stored);
      },
    });
    this.#off = parts.link.onChange((up) => {
      if (!up) return;
      this.#gap = true;
      this.#run();
    });
  }

  /** Gives the initial values. */
  async begin(): Promise<void> {
    try {
      await this.#readOn(true);
    } catch (error) {
      this.stop();
      throw error;
    }
    this.#running = false;
    this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#off();
    this.#subscription.unsubscribe();
    this.#queue.length = 0;
  }

  #push(stored: StoredValue): void {
    if (this.#queue.length >= MAX_QUEUED) {
      this.#queue.length = 0;
      this.#gap = true;
    } else this.#queue.push(stored);
    this.#run();
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#drain();
  }

  /** Never rejects. */
  async #drain(): Promise<void> {
    while (!this.#stopped && (this.#gap || this.#queue.length > 0)) {
      if (this.#gap) await this.#catchUp();
      const stored = this.#queue.shift();
      if (stored) await this.#give(stored, false);
    }
    // In the same step as the last look: what comes from now on runs it again.
    this.#running = false;
  }

  async #catchUp(): Promise<void> {
    this.#gap = false;
    try {
      await this.#readOn(false);
    } catch (error) {
      this.#gap = true;
      this.#parts.log.warn({ err: error }, "changes of the state that were missed can't be read yet");
      await delay(RETRY_MS, undefined, { ref: false });
    }
  }

  async #readOn(initial: boolean): Promise<void> {
    const { link, listing } = this.#parts;
    for await (const page of pages(link, listing, this.#revision + 1))
      for (const stored of page) await this.#give(stored, initial);
  }

  async #give(stored: StoredValue, initial: boolean): Promise<void> {
    if (this.#stopped || stored.revision <= this.#revision) return;
    this.#revision = stored.revision;
    const { key, revision, deleted } = stored;
    if (deleted && initial) return;
    try {
      await this.#parts.changed(
        deleted
          ? { operation: "delete", key, revision, initial }
          : { operation: "put", key, value: parsedValue<T>(stored), revision, initial },
      );
    } catch (error) {
      this.#parts.log.error({ err: error, key, revision }, "the callback of a watch failed");
    }
  }
}
