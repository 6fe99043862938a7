import { createHash } from "node:crypto";
import type { TokenVerifier, VerifiedToken } from "../bus/pod-token.ts";
import type { Clock } from "../clock.ts";

/** For so long a token that was good is not asked about again: a driver opens many tunnels with the same one. */
const REMEMBER_MS = 30_000;
const MAX_TOKENS = 10_000;

/** Tokens that were found good a moment ago, by their hash. Which Driver there is, and what it may, is looked up each time. */
export class RememberedTokens implements TokenVerifier {
  readonly #verifier: TokenVerifier;
  readonly #clock: Clock;
  readonly #known = new Map<string, { verified: VerifiedToken; until: number }>();
  readonly #asked = new Map<string, Promise<VerifiedToken>>();

  constructor(verifier: TokenVerifier, clock: Clock) {
    this.#verifier = verifier;
    this.#clock = clock;
  }

  async verify(token: string): Promise<VerifiedToken> {
    const key = createHash("sha256").update(token).digest("base64");
    const known = this.#known.get(key);
    if (known && this.#clock.now() < known.until) return known.verified;
    this.#known.delete(key);
    const asked = this.#asked.get(key);
    if (asked !== undefined) return asked;
    const question = this.#ask(key, token);
    this.#asked.set(key, question);
    return question.finally(() => this.#asked.delete(key));
  }

  async #ask(key: string, token: string): Promise<VerifiedToken> {
    const verified = await this.#verifier.verify(token);
    const until = Math.min(verified.expiresAt.getTime(), this.#clock.now() + REMEMBER_MS);
    this.#known.set(key, { verified, until });
    // The oldest goes: a Map keeps the order in which they came.
    const [oldest] = this.#known.keys();
    if (this.#known.size > MAX_TOKENS && oldest !== undefined) this.#known.delete(oldest);
    return verified;
  }
}
