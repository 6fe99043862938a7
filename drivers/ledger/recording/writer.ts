import { type Database, exclusively } from "@vextir/database";
import { type Parent, type Partitions, writersOf } from "../schema/partitions.ts";
import type { EventRow } from "./event-row.ts";
import type { HandlingRow } from "./handling-row.ts";

export interface WriterParts {
  database: Database;
  schema: string;
  partitions: Partitions;
}

/** Writes batches: each whole or not at all, and of what is there already nothing. One writer at a time, over all replicas. */
export class Writer {
  readonly #parts: WriterParts;

  constructor(parts: WriterParts) {
    this.#parts = parts;
  }

  /** @returns how many were new. */
  events(rows: readonly EventRow[]): Promise<number> {
    return this.#write("events", rows, INSERT_EVENTS);
  }

  /** @returns how many were new. */
  handlings(rows: readonly HandlingRow[]): Promise<number> {
    return this.#write("handlings", rows, INSERT_HANDLINGS);
  }

  async #write(parent: Parent, rows: readonly { stored_at: string }[], sql: string): Promise<number> {
    const { database, schema, partitions } = this.#parts;
    const times = [...new Set(rows.map(({ stored_at }) => Date.parse(stored_at)))];
    try {
      return await database.transaction(async (session) => {
        await exclusively(session, writersOf(schema));
        await partitions.ensure(session, parent, times);
        return (await session.query<{ count: number }>(sql, [JSON.stringify(rows)]))[0]?.count ?? 0;
      });
    } catch (error) {
      partitions.forget();
      throw error;
    }
  }
}

const INSERT_EVENTS = `
with batch as (
  select distinct on (identity) *
  from json_to_recordset($1::json) as b(
    stored_at timestamptz, identity uuid, id text, type text, publisher text, source text, subject text, time text,
    correlation text, causation text, user_id text, hops integer, partition_key text, trace_parent text,
    content_type text, data_schema text, extensions jsonb, sequence bigint, data jsonb, bytes text, size integer,
    search text)
  order by identity, sequence
), inserted as (
  insert into events (
    stored_at, identity, id, type, publisher, source, subject, time, correlation, causation, user_id, hops,
    partition_key, trace_parent, content_type, data_schema, extensions, sequence, data, bytes, size, search)
  select
    stored_at, identity, id, type, publisher, source, subject, time, correlation, causation, user_id, hops,
    partition_key, trace_parent, content_type, data_schema, extensions, sequence, data, decode(bytes, 'base64'), size,
    to_tsvector('simple', search)
  from batch
  where identity not in (
    select e.identity from events e where e.identity = any (array(select b.identity from batch b)))
  order by sequence
  returning 1
)
select count(*)::integer as count from inserted`;

const INSERT_HANDLINGS = `
with inserted as (
  insert into handlings (
    stored_at, identity, event, driver, subscription, attempt, at, duration_ms, outcome, reason, error)
  select * from json_to_recordset($1::json) as b(
    stored_at timestamptz, identity uuid, event uuid, driver text, subscription text, attempt integer, at timestamptz,
    duration_ms double precision, outcome text, reason text, error text)
  on conflict do nothing
  returning 1
)
select count(*)::integer as count from inserted`;
