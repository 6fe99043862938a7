const PERIOD_MS = 5 * 60_000;

/** The longest of the times told in the last five to ten minutes, in milliseconds. */
export class LongestTime {
  #now: () => number;
  #began: number;
  #current = 0;
  #before = 0;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#began = now();
  }

  told(ms: number): void {
    this.#turn();
    this.#current = Math.max(this.#current, ms);
  }

  get ms(): number {
    this.#turn();
    return Math.max(this.#current, this.#before);
  }

  #turn(): void {
    const periods = Math.floor((this.#now() - this.#began) / PERIOD_MS);
    if (periods === 0) return;
    this.#before = periods === 1 ? this.#current : 0;
    this.#current = 0;
    this.#began += periods * PERIOD_MS;
  }
}
