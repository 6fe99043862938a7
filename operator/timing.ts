/** Monotonic time and timers, injected so that tests own them. */
export interface Timing {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** Runs `action` once after `ms`; the answer calls it off. Does not keep the process alive. */
  after(ms: number, action: () => void): () => void;
}

export const systemTiming: Timing = {
  now: () => performance.now(),
  after(ms, action) {
    const timer = setTimeout(action, ms).unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function pause(timing: Timing, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = () => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = timing.after(ms, end);
    signal?.addEventListener("abort", end);
  });
}

/** Time that stands still until a test moves it. */
export class ManualTiming implements Timing {
  #now = 0;
  readonly #due = new Set<{ at: number; action: () => void }>();

  now(): number {
    return this.#now;
  }

  after(ms: number, action: () => void): () => void {
    const entry = { at: this.#now + ms, action };
    this.#due.add(entry);
    return () => this.#due.delete(entry);
  }

  /** Runs what falls due on the way, in order, and lets promises settle before and after each. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const [next] = [...this.#due].filter((entry) => entry.at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#due.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.action();
      await settle();
    }
    this.#now = end;
    await settle();
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));
