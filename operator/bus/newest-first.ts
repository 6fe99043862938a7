export interface NewestFirstOptions<T> {
  /** Never rejects. `leftMs`: how long the item is still waited for. */
  work: (item: T, leftMs: number) => Promise<void>;
  /** Told of what nobody waits for any more, or what finds no place. */
  dropped: (item: T) => void;
  /** How long an item is waited for. */
  patienceMs: number;
  maxRunning: number;
  maxWaiting: number;
}

/**
 * Work for somebody who waits only so long and then asks again: the newest first. In the order of arrival, a crowd that is larger
 * than what is done in that time would get nothing at all, since every answer would come just too late.
 */
export class NewestFirst<T> {
  readonly #options: NewestFirstOptions<T>;
  /** In the order of arrival. */
  readonly #waiting: { item: T; until: number }[] = [];
  #running = 0;
  #isScheduled = false;

  constructor(options: NewestFirstOptions<T>) {
    this.#options = options;
  }

  add(item: T): void {
    const { patienceMs, maxWaiting } = this.#options;
    this.#waiting.push({ item, until: performance.now() + patienceMs });
    if (this.#waiting.length > maxWaiting) this.#drop(this.#waiting.splice(0, 1));
    this.#schedule();
  }

  /** On a further turn: what arrives meanwhile is newer. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#next();
    });
  }

  #next(): void {
    if (this.#running >= this.#options.maxRunning) return;
    const newest = this.#waiting.pop();
    if (!newest) return;
    const leftMs = newest.until - performance.now();
    if (leftMs <= 0) {
      // All others are older.
      this.#drop([newest, ...this.#waiting.splice(0)]);
      return;
    }
    this.#running++;
    void this.#options.work(newest.item, leftMs).finally(() => {
      this.#running--;
      this.#schedule();
    });
    this.#schedule();
  }

  #drop(entries: readonly { item: T }[]): void {
    for (const { item } of entries) this.#options.dropped(item);
  }
}
