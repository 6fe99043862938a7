import type { Clock } from "./clock.ts";
import { ClusterError } from "./cluster.ts";

export interface ReviewGateOptions {
  clock: Clock;
  /** Questions under way; default 12: the client has 16 connections, which others need too. */
  maxInFlight?: number;
  /** Questions that wait for one to end; default 1,000. */
  maxWaiting?: number;
  /** How long one waits; default 100: a thousand pods that come back at once are checked by the keys, not by a queue. */
  maxWaitMs?: number;
}

/** Failures in a row after which the API server is taken for away: one slow answer says nothing about the others. */
const FAILURES = 3;
const AWAY_MS = 5_000;

/**
 * How the API server is asked about tokens: a few questions at a time, and none in vain for long.
 *
 *     asking -> away (after failures in a row; nobody asks) -> probing (one asks) -> asking | away
 */
export class ReviewGate {
  readonly #options: Required<ReviewGateOptions>;
  #failures = 0;
  #awayUntil = 0;
  #probing = false;
  #inFlight = 0;
  /** In the order in which they came. */
  readonly #waiting = new Set<() => void>();

  constructor(options: ReviewGateOptions) {
    this.#options = { maxInFlight: 12, maxWaiting: 1_000, maxWaitMs: 100, ...options };
  }

  /** What the API server answers; undefined: it is away, or too busy, or this one answer did not come. */
  async ask<T>(question: () => Promise<T>): Promise<{ answer: T } | undefined> {
    if (!(await this.#enter())) return undefined;
    // What was found out while it waited counts.
    const away = this.#failures >= FAILURES;
    if (away && !this.#mayProbe()) {
      this.#leave();
      return undefined;
    }
    this.#probing = away;
    try {
      const answer = await question();
      this.#failures = 0;
      return { answer };
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      this.#failures++;
      if (this.#failures >= FAILURES) this.#awayUntil = this.#options.clock.now() + AWAY_MS;
      return undefined;
    } finally {
      if (away) this.#probing = false;
      this.#leave();
    }
  }

  #mayProbe(): boolean {
    return !this.#probing && this.#options.clock.now() >= this.#awayUntil;
  }

  async #enter(): Promise<boolean> {
    const { maxInFlight, maxWaiting, maxWaitMs } = this.#options;
    if (this.#inFlight < maxInFlight) {
      this.#inFlight++;
      return true;
    }
    if (this.#waiting.size >= maxWaiting) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const enter = () => resolve(true);
    this.#waiting.add(enter);
    const late = setTimeout(() => {
      this.#waiting.delete(enter);
      resolve(false);
    }, maxWaitMs);
    return promise.finally(() => clearTimeout(late));
  }

  /** Hands the place over to who has waited longest. */
  #leave(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#inFlight--;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
