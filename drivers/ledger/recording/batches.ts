import { setTimeout as delay } from "node:timers/promises";
import { failureOf } from "../database/failure.ts";

export interface BatchesParts<T> {
  /** Writes a batch, whole or not at all; answers how many were new. */
  write(rows: readonly T[]): Promise<number>;
  /** Told of each committed batch. */
  written(rows: number, fresh: number): void;
  /** Told when the database does not take a batch, and when it does again. */
  trouble(error: unknown): void;
  recovered(): void;
  signal: AbortSignal;
  maxRows?: number;
}

interface Waiting<T> {
  row: T;
  done: () => void;
  failed: (error: unknown) => void;
}

/** A commit costs the same for one row as for many: few of them wait a moment for others. */
const FEW = 128;
const LINGER_MS = 4;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;

/**
 * Gathers what comes while a batch is being written into the next one. A row is done when it is committed. While the
 * database is away everything waits, and whoever adds bounds how much (the runtime's events in hand). A row that the
 * database will never take is parted from the others, which go on.
 */
export class Batches<T> {
  readonly #parts: BatchesParts<T>;
  #waiting: Waiting<T>[] = [];
  #writing = false;

  constructor(parts: BatchesParts<T>) {
    this.#parts = parts;
  }

  /** Resolves when the row is committed; rejects when it never can be, or when the driver stops first. */
  add(row: T): Promise<void> {
    return new Promise((done, failed) => {
      this.#waiting.push({ row, done, failed });
      if (this.#writing) return;
      this.#writing = true;
      // What was read from the connection in one piece comes in one turn of the loop.
      setImmediate(() => void this.#writeAll());
    });
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#waiting.length < FEW) await delay(LINGER_MS);
      const batch = this.#waiting.splice(0, this.#parts.maxRows ?? 1_000);
      await this.#write(batch);
    }
    this.#writing = false;
  }

  async #write(batch: readonly Waiting<T>[]): Promise<void> {
    const error = await this.#attempt(batch);
    if (error === undefined) for (const { done } of batch) done();
    else if (batch.length === 1 || failureOf(error) === "Database")
      for (const { failed } of batch) failed(error);
    else {
      const middle = batch.length >> 1;
      await this.#write(batch.slice(0, middle));
      await this.#write(batch.slice(middle));
    }
  }

  /** What the rows fail with for good; undefined when they are committed. */
  async #attempt(batch: readonly Waiting<T>[]): Promise<unknown> {
    const { write, written, trouble, recovered, signal } = this.#parts;
    let failures = 0;
    for (;;) {
      try {
        const fresh = await write(batch.map(({ row }) => row));
        if (failures > 0) recovered();
        written(batch.length, fresh);
        return undefined;
      } catch (error) {
        if (failureOf(error) === "Row") return error;
        trouble(error);
        await delay(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++), undefined, { signal }).catch(
          () => {},
        );
        if (signal.aborted) return error;
      }
    }
  }
}
