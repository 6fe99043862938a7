/** So many at once, and so many a second in the long run, for each of whom it is asked. */
export interface Rate {
  burst: number;
  perSecond: number;
}

const MAX_KEYS = 4_096;

/** Buckets that fill with the time. Who is seldom seen is forgotten, which gives him a full bucket. */
export class RateLimiter {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** @param now Milliseconds. */
  constructor(rate: Rate, now: () => number) {
    this.#rate = rate;
    this.#now = now;
  }

  /** Seconds to wait; 0: it is allowed, and counted where `cost` says so. */
  waitSeconds(key: string, cost = 1): number {
    const { burst, perSecond } = this.#rate;
    const now = this.#now();
    const known = this.#buckets.get(key) ?? { tokens: burst, at: now };
    const tokens = Math.min(burst, known.tokens + ((now - known.at) / 1_000) * perSecond);
    this.#buckets.delete(key);
    if (tokens < 1) {
      this.#remember(key, { tokens, at: now });
      return Math.max(1, Math.ceil((1 - tokens) / perSecond));
    }
    this.#remember(key, { tokens: tokens - cost, at: now });
    return 0;
  }

  #remember(key: string, bucket: { tokens: number; at: number }): void {
    this.#buckets.set(key, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MAX_KEYS && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
