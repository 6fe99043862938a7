import { type Database, exclusively, type Session } from "@vextir/database";
import { isIn, missingSpan, partitionDays, type Span } from "./span.ts";

/** What the writers and the one that drops partitions do one at a time. */
export const writersOf = (schema: string) => `ledger ${schema} write`;

export type Parent = "events" | "handlings";

/** The tables that hold events and handlings, by the time at which the bus stored them. */
export class Partitions {
  readonly #schema: string;
  readonly #retentionMs: number;
  readonly #days: number;
  /** Known to be there; another replica may have dropped one since, then the write fails and is tried again. */
  readonly #known: Record<Parent, Span[]> = { events: [], handlings: [] };

  constructor(schema: string, retentionMs: number) {
    this.#schema = schema;
    this.#retentionMs = retentionMs;
    this.#days = partitionDays(retentionMs);
  }

  /** Within a transaction that holds the writers' lock. */
  async ensure(session: Session, parent: Parent, times: readonly number[]): Promise<void> {
    const known = this.#known[parent];
    if (times.every((at) => known.some((span) => isIn(span, at)))) return;
    const spans = await spansOf(session, parent);
    for (const at of times) {
      if (spans.some((span) => isIn(span, at))) continue;
      const span = missingSpan(spans, at, this.#days);
      const [from, to] = [new Date(span.fromMs).toISOString(), new Date(span.toMs).toISOString()];
      const name = `${parent}_${from.slice(0, 19).replaceAll(/\D/g, "")}`;
      await session.execute(
        `create table ${this.#schema}.${name} partition of ${this.#schema}.${parent} for values from ('${from}') to ('${to}')`,
      );
      await session.query("insert into partitions (name, parent, from_at, to_at) values ($1, $2, $3, $4)", [
        name,
        parent,
        from,
        to,
      ]);
      spans.push(span);
    }
    this.#known[parent] = spans;
  }

  /** The transaction of `ensure` was not committed. */
  forget(): void {
    this.#known.events = [];
    this.#known.handlings = [];
  }

  /** Drops what is older than the retention. @returns the names of the tables. */
  async dropOld(database: Database, nowMs: number): Promise<string[]> {
    const dropped = await database.transaction(async (session) => {
      await exclusively(session, writersOf(this.#schema));
      const old = await session.query<{ name: string }>(
        "delete from partitions where to_at <= $1 returning name",
        [new Date(nowMs - this.#retentionMs).toISOString()],
      );
      for (const { name } of old) await session.execute(`drop table ${this.#schema}.${name}`);
      return old.map(({ name }) => name);
    });
    if (dropped.length > 0) this.forget();
    return dropped;
  }
}

async function spansOf(session: Session, parent: Parent): Promise<Span[]> {
  const rows = await session.query<{ from_ms: number; to_ms: number }>(
    `select (extract(epoch from from_at) * 1000)::float8 as from_ms, (extract(epoch from to_at) * 1000)::float8 as to_ms
     from partitions where parent = $1`,
    [parent],
  );
  return rows.map(({ from_ms, to_ms }) => ({ fromMs: from_ms, toMs: to_ms }));
}
