import type { Timing } from "../timing.ts";

export interface WorkQueueOptions {
  timing: Timing;
  /** Keys of one group share a turn: a group with thousands of keys delays another's by one run. */
  groupOf: (key: string) => string;
  /** Called when `next` would answer a key. */
  onReady: () => void;
}

/**
 * Keys of objects that want a run. A key is in one of these states:
 *
 *     absent -> waiting (for its time) -> ready -> running -> absent
 *     running -> running and due again -> ready (when done)
 *
 * It is ready at most once however often it was added, never runs twice at a time, and an addition is never lost. Holds keys
 * only, so it is no longer than there are objects.
 */
export class WorkQueue {
  readonly #options: WorkQueueOptions;
  /** Groups and keys stand in the order of their turns. */
  readonly #ready = new Map<string, Map<string, number>>();
  readonly #waiting = new Map<string, { at: number; cancel: () => void }>();
  readonly #running = new Set<string>();
  readonly #dueAgain = new Set<string>();
  #depth = 0;
  #closed = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Keys that are ready. */
  get depth(): number {
    return this.#depth;
  }

  get running(): number {
    return this.#running.size;
  }

  /** Nothing is ready or running; keys may still wait for their time. */
  get idle(): boolean {
    return this.#depth === 0 && this.#running.size === 0;
  }

  /** Wants a run as soon as possible; what waits for a later time is brought forward. */
  add(key: string): void {
    if (this.#closed) return;
    this.#forget(key);
    if (this.#running.has(key)) {
      this.#dueAgain.add(key);
      return;
    }
    const group = this.#options.groupOf(key);
    const keys = this.#ready.get(group) ?? new Map<string, number>();
    if (keys.has(key)) return;
    keys.set(key, this.#options.timing.now());
    this.#ready.set(group, keys);
    this.#depth++;
    this.#options.onReady();
  }

  /** Wants a run in `ms`; of several times the soonest counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    if (this.#ready.get(this.#options.groupOf(key))?.has(key)) return;
    const at = this.#options.timing.now() + ms;
    const earlier = this.#waiting.get(key);
    if (earlier && earlier.at <= at) return;
    earlier?.cancel();
    const cancel = this.#options.timing.after(ms, () => this.add(key));
    this.#waiting.set(key, { at, cancel });
  }

  /** The key whose turn it is, which runs from now until `done`; undefined when none is ready. */
  next(): { key: string; waitedMs: number } | undefined {
    for (const [group, keys] of this.#ready) {
      this.#ready.delete(group);
      for (const [key, since] of keys) {
        keys.delete(key);
        // To the end of the line.
        if (keys.size > 0) this.#ready.set(group, keys);
        this.#depth--;
        this.#running.add(key);
        return { key, waitedMs: this.#options.timing.now() - since };
      }
    }
    return undefined;
  }

  done(key: string): void {
    this.#running.delete(key);
    if (this.#dueAgain.delete(key)) this.add(key);
  }

  /** Forgets what is ready or waiting and takes nothing more. */
  close(): void {
    this.#closed = true;
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
    this.#ready.clear();
    this.#dueAgain.clear();
    this.#depth = 0;
  }

  #forget(key: string): void {
    this.#waiting.get(key)?.cancel();
    this.#waiting.delete(key);
  }
}
