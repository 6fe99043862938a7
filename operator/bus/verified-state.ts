import { createHash } from "node:crypto";
import { canonicalJson } from "@vextir/api";

/**
 * What was found to be on the server, by key, so that a steady state costs no requests. Forgotten after a time (somebody
 * may change the server's state by hand) and whenever the bus was away (it may have come back with older state).
 */
export class VerifiedState {
  readonly #seen = new Map<string, { hash: string; until: number }>();
  readonly #trustMs: number;

  constructor(trustMs = 5 * 60_000) {
    this.#trustMs = trustMs;
  }

  holds(key: string, state: unknown): boolean {
    const seen = this.#seen.get(key);
    return seen !== undefined && seen.until > performance.now() && seen.hash === hashOf(state);
  }

  /** Whether some state of it is known. */
  knows(key: string): boolean {
    return (this.#seen.get(key)?.until ?? 0) > performance.now();
  }

  set(key: string, state: unknown) {
    this.#seen.set(key, { hash: hashOf(state), until: performance.now() + this.#trustMs });
  }

  forget(key: string) {
    this.#seen.delete(key);
  }

  clear() {
    this.#seen.clear();
  }
}

const hashOf = (state: unknown) => createHash("sha256").update(canonicalJson(state)).digest("base64");
