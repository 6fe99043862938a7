import { hash } from "node:crypto";
import { DriverError, type State, type StateEntry, type Watch } from "@vextir/driver-runtime";
import type { SummaryRecord } from "./record.ts";

const PREFIX = "summary";
/** Other pods write the same record. */
const ATTEMPTS = 8;

type Entry = StateEntry<SummaryRecord>;

/** The records of all users' summaries: in the driver's bucket, which all pods share, and followed in memory. */
export class SummaryRecords {
  readonly #state: State;
  readonly #known = new Map<string, Entry>();
  #watch: Watch | undefined;

  constructor(state: State) {
    this.#state = state;
  }

  /** @throws DriverError of the state */
  async open(): Promise<void> {
    this.#watch = await this.#state.watch<SummaryRecord>(`${PREFIX}.>`, (change) => {
      const { key, revision } = change;
      if ((this.#known.get(key)?.revision ?? 0) >= revision) return;
      if (change.operation === "put") this.#known.set(key, { key, value: change.value, revision });
      else this.#known.delete(key);
    });
  }

  close(): void {
    this.#watch?.stop();
  }

  /** Of one summary. */
  *of(summary: string): Iterable<Entry> {
    const begin = `${PREFIX}.${summary}.`;
    for (const [key, entry] of this.#known) if (key.startsWith(begin)) yield entry;
  }

  /** Nothing is left to remember of the user, unless something came meanwhile. */
  async forget(summary: string, user: string): Promise<void> {
    const key = keyOf(summary, user);
    const entry = this.#known.get(key);
    if (!entry || entry.value.dueMs !== undefined || entry.value.claim) return;
    try {
      await this.#state.delete(key, entry.revision);
      if (this.#known.get(key) === entry) this.#known.delete(key);
    } catch (error) {
      if (!isConflict(error)) throw error;
    }
  }

  /** Undefined: `next` wants nothing written, or somebody else has written first and `next` no longer wants to. */
  async change(
    summary: string,
    user: string,
    next: (before: SummaryRecord | undefined) => SummaryRecord | undefined,
  ): Promise<SummaryRecord | undefined> {
    const key = keyOf(summary, user);
    let entry = this.#known.get(key);
    for (let attempt = 0; ; attempt++) {
      const value = next(entry?.value);
      if (value === undefined) return undefined;
      try {
        const revision = entry
          ? await this.#state.update(key, value, entry.revision)
          : await this.#state.create(key, value);
        this.#known.set(key, { key, value, revision });
        return value;
      } catch (error) {
        if (!isConflict(error) || attempt >= ATTEMPTS) throw error;
        entry = await this.#state.get<SummaryRecord>(key);
      }
    }
  }
}

const keyOf = (summary: string, user: string) => `${PREFIX}.${summary}.${hash("sha256", user, "hex")}`;
const isConflict = (error: unknown) => error instanceof DriverError && error.code === "Conflict";
