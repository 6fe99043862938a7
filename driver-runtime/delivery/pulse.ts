/**
 * Whether this process has stood still (it was stopped, or something held it up): what was delivered to it meanwhile may be
 * somebody else's by now. After such a time input is read before timers run, so both are looked at.
 */
export class Pulse {
  readonly #everyMs: number;
  #lastMs: number;
  #doubtUntilMs = 0;

  /** @param everyMs How often `beat` is called. */
  constructor(everyMs: number, nowMs: number) {
    this.#everyMs = everyMs;
    this.#lastMs = nowMs;
  }

  beat(nowMs: number): void {
    // What was read only in part comes within the next round.
    if (this.#isLate(nowMs)) this.#doubtUntilMs = nowMs + this.#everyMs;
    this.#lastMs = nowMs;
  }

  /** Whether it stood still, lately or until now, for about as long as a beat or longer. */
  missed(nowMs: number): boolean {
    return nowMs < this.#doubtUntilMs || this.#isLate(nowMs);
  }

  #isLate(nowMs: number): boolean {
    return nowMs - this.#lastMs > 2 * this.#everyMs;
  }
}
