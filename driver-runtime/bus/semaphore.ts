/** At most `slots` at once, at most `maxWaiting` more in line. */
export class Semaphore {
  readonly #slots: number;
  readonly #maxWaiting: number;
  #taken = 0;
  readonly #line: (() => void)[] = [];

  constructor(slots: number, maxWaiting: number) {
    this.#slots = slots;
    this.#maxWaiting = maxWaiting;
  }

  get taken(): number {
    return this.#taken;
  }

  /** A slot, perhaps after a wait; undefined when the line is full. */
  acquire(): Promise<void> | true | undefined {
    if (this.#taken < this.#slots) {
      this.#taken++;
      return true;
    }
    if (this.#line.length >= this.#maxWaiting) return undefined;
    return new Promise((resolve) => this.#line.push(resolve));
  }

  release(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#taken--;
  }
}
