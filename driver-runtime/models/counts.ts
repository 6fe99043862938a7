import { setTimeout as delay } from "node:timers/promises";
import { DriverError } from "../errors.ts";
import type { State } from "../state/state.ts";

/** Where counts are kept: the driver's bucket, shared by its pods, or this process' memory. */
export type CountStore = Pick<State, "get" | "create" | "update">;

/** So often another process may have been faster. */
const CONFLICTS = 10;
const MAX_PAUSE_MS = 20;

interface Change<T> {
  apply: (before: T | undefined) => T;
  done: () => void;
  failed: (error: unknown) => void;
}

/** Changes counts. What comes while a write is under way is written together after it, so only other processes are in the way. */
export class Counts<T> {
  readonly #store: CountStore;
  /** What waits for the write that is under way, by key. */
  readonly #waiting = new Map<string, Change<T>[]>();

  constructor(store: CountStore) {
    this.#store = store;
  }

  /** Rejects with what `apply` throws: then it has changed nothing. @throws DriverError `Unavailable`, and as the store does */
  change(key: string, apply: Change<T>["apply"]): Promise<void> {
    return new Promise((done, failed) => {
      const change = { apply, done, failed };
      const waiting = this.#waiting.get(key);
      if (waiting) waiting.push(change);
      else {
        this.#waiting.set(key, [change]);
        void this.#work(key);
      }
    });
  }

  /** Never rejects. */
  async #work(key: string): Promise<void> {
    const next = () => this.#waiting.get(key) ?? [];
    for (let batch = next(); batch.length > 0; batch = next()) {
      this.#waiting.set(key, []);
      await this.#write(key, batch);
    }
    this.#waiting.delete(key);
  }

  /** Never rejects. */
  async #write(key: string, batch: readonly Change<T>[]): Promise<void> {
    try {
      const refused = await this.#tried(key, batch);
      for (const change of batch) {
        if (refused.has(change)) change.failed(refused.get(change));
        else change.done();
      }
    } catch (error) {
      for (const { failed } of batch) failed(error);
    }
  }

  /** Answers those that threw, with what they threw. */
  async #tried(key: string, batch: readonly Change<T>[]): Promise<ReadonlyMap<Change<T>, unknown>> {
    for (let attempt = 1; ; attempt++) {
      const entry = await this.#store.get<T>(key);
      const { after, refused } = applied(batch, entry?.value);
      if (refused.size === batch.length) return refused;
      try {
        if (entry) await this.#store.update(key, after, entry.revision);
        else await this.#store.create(key, after);
        return refused;
      } catch (error) {
        if (!(error instanceof DriverError && error.code === "Conflict")) throw error;
        if (attempt >= CONFLICTS)
          throw new DriverError(
            "Unavailable",
            "the limits of a model could not be counted: too many at once",
            { cause: error },
          );
      }
      await delay(Math.random() * MAX_PAUSE_MS);
    }
  }
}

function applied<T>(batch: readonly Change<T>[], before: T | undefined) {
  const refused = new Map<Change<T>, unknown>();
  let after = before;
  for (const change of batch) {
    try {
      after = change.apply(after);
    } catch (error) {
      refused.set(change, error);
    }
  }
  return { after, refused };
}

/** Counts of this process alone. */
export function memoryCounts(): CountStore {
  const entries = new Map<string, { value: unknown; revision: number }>();
  const set = (key: string, value: unknown, revision: number) => {
    entries.set(key, { value, revision });
    return Promise.resolve(revision);
  };
  const conflict = () =>
    Promise.reject(new DriverError("Conflict", "the count was changed by somebody else meanwhile"));
  return {
    get: <T>(key: string) => {
      const entry = entries.get(key);
      return Promise.resolve(entry && { key, value: entry.value as T, revision: entry.revision });
    },
    create: (key, value) => (entries.has(key) ? conflict() : set(key, value, 1)),
    update: (key, value, revision) =>
      entries.get(key)?.revision === revision ? set(key, value, revision + 1) : conflict(),
  };
}
