import type { Database } from "@vextir/database";
import type { Event, Handling } from "@vextir/driver-runtime";
import { Batches } from "./recording/batches.ts";
import { type EventRow, eventRow } from "./recording/event-row.ts";
import { type HandlingRow, handlingRow } from "./recording/handling-row.ts";
import { Writer } from "./recording/writer.ts";
import { Partitions } from "./schema/partitions.ts";

export interface LedgerParts {
  database: Database;
  schema: string;
  retentionMs: number;
  signal: AbortSignal;
  written(what: "events" | "handlings", rows: number, fresh: number): void;
  trouble(error: unknown): void;
  recovered(): void;
}

/** Records: every event and every handling once, each acknowledged when it is committed. */
export class Ledger {
  readonly #database: Database;
  readonly #partitions: Partitions;
  readonly #events: Batches<EventRow>;
  readonly #handlings: Batches<HandlingRow[]>;

  constructor({ database, schema, retentionMs, written, ...common }: LedgerParts) {
    this.#database = database;
    this.#partitions = new Partitions(schema, retentionMs);
    const writer = new Writer({ database, schema, partitions: this.#partitions });
    this.#events = new Batches({
      ...common,
      write: (rows) => writer.events(rows),
      written: (rows, fresh) => written("events", rows, fresh),
    });
    this.#handlings = new Batches({
      ...common,
      // A message brings up to 256 of them.
      maxRows: 8,
      write: (messages) => writer.handlings(messages.flat()),
      written: (rows, fresh) => written("handlings", rows, fresh),
    });
  }

  record(event: Event, storedMs: number): Promise<void> {
    return this.#events.add(eventRow(event, storedMs));
  }

  recordHandlings(driver: string, handlings: readonly Handling[], storedMs: number): Promise<void> {
    return this.#handlings.add(handlings.map((one) => handlingRow(driver, one, storedMs)));
  }

  /** @returns the names of the tables that held what is older than the retention. */
  dropOld(nowMs: number): Promise<string[]> {
    return this.#partitions.dropOld(this.#database, nowMs);
  }
}
