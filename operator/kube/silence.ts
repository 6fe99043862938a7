import type { Timing } from "../timing.ts";

/** Calls `tooLong` when nothing has broken the silence for `ms`; looks as seldom as that needs. */
export class Silence {
  readonly #timing: Timing;
  #last: number;
  #cancel: () => void;

  constructor(timing: Timing, ms: number, tooLong: () => void) {
    this.#timing = timing;
    this.#last = timing.now();
    const look = () => {
      const left = this.#last + ms - timing.now();
      if (left <= 0) tooLong();
      else this.#cancel = timing.after(left, look);
    };
    this.#cancel = timing.after(ms, look);
  }

  broken(): void {
    this.#last = this.#timing.now();
  }

  stop(): void {
    this.#cancel();
  }
}
