import { createHash } from "node:crypto";
import type { Clock } from "./clock.ts";

/** Short: a pod is sometimes faster than what the API server knows of it. */
const REMEMBER_MS = 3_000;
const MAX_TOKENS = 5_000;

/** Tokens that were just refused, by their hash: whoever shows one again and again costs no question. */
export class RefusedTokens {
  readonly #clock: Clock;
  /** In the order in which they end. */
  readonly #known = new Map<string, { why: string; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Why it was refused a moment ago. */
  why(token: string): string | undefined {
    const known = this.#known.get(hashOf(token));
    return known && known.until > this.#clock.now() ? known.why : undefined;
  }

  add(token: string, why: string): void {
    const now = this.#clock.now();
    for (const [hash, { until }] of this.#known) {
      if (until > now && this.#known.size < MAX_TOKENS) break;
      this.#known.delete(hash);
    }
    const hash = hashOf(token);
    this.#known.delete(hash);
    this.#known.set(hash, { why, until: now + REMEMBER_MS });
  }
}

const hashOf = (token: string) => createHash("sha256").update(token).digest("base64");
