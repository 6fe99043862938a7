import type { Row, Session } from "@vextir/database";
import { DriverError } from "@vextir/driver-runtime";
import { Condition } from "./condition.ts";
import { dataColumns, EVENT_COLUMNS, recordedEvent } from "./rows.ts";
import type { QueryInput, QueryOutput } from "./schemas.ts";

/** Larger data is left out of pages; `get` gives it. */
const MAX_DATA_BYTES = 32_768;
/** A page ends before an answer gets larger than the bus carries. */
const MAX_PAGE_BYTES = 600_000;

/** A page of events. @throws DriverError `InvalidInput` for a cursor that is none. */
export async function queryEvents(session: Session, input: QueryInput): Promise<QueryOutput> {
  const { order, limit } = input;
  const newest = order === "Newest";
  const after = input.cursor === undefined ? undefined : readCursor(input.cursor);
  const condition = new Condition()
    .anyOf(input.types, typeCondition)
    .with(input.user, (p) => `user_id = ${p}`)
    .with(input.source, (p) => `source = ${p}`)
    .with(input.publisher, (p) => `publisher = ${p}`)
    .with(input.correlation, (p) => `correlation = ${p}`)
    .with(input.since, (p) => `stored_at >= ${p}::timestamptz`)
    .with(input.until, (p) => `stored_at < ${p}::timestamptz`)
    .with(input.text, (p) => `search @@ websearch_to_tsquery('simple', ${p})`)
    .with(after, (p) => `seq ${newest ? "<" : ">"} ${p}::bigint`);
  const rows = await session.query(
    `select ${EVENT_COLUMNS}, ${dataColumns(MAX_DATA_BYTES)} from events where ${condition}
     order by events.seq ${newest ? "desc" : "asc"} limit ${limit + 1}`,
    condition.parameters,
  );
  return page(rows, limit, newest ? undefined : (after ?? "0"));
}

/** `follow`: the place to go on from where there is nothing more. */
function page(rows: readonly Row[], limit: number, follow: string | undefined): QueryOutput {
  const events = [];
  let bytes = 0;
  let last: unknown = follow;
  for (const row of rows.slice(0, limit)) {
    const event = recordedEvent(row);
    bytes += JSON.stringify(event).length;
    if (events.length > 0 && bytes > MAX_PAGE_BYTES) break;
    events.push(event);
    last = row["seq"];
  }
  const more = events.length < rows.length || follow !== undefined;
  return { events, ...(more && last !== undefined && { cursor: `s${String(last)}` }) };
}

function readCursor(cursor: string): string {
  const seq = /^s(\d{1,18})$/.exec(cursor)?.[1];
  if (seq === undefined)
    throw new DriverError(
      "InvalidInput",
      `"${cursor}" is no cursor: give the one of the page before, or none`,
    );
  return seq;
}

/** A pattern as a regular expression that begins with what is fixed: the index on types is used for it. */
function typeCondition(pattern: string): [string, (placeholder: string) => string] {
  if (!/[*>]/.test(pattern)) return [pattern, (p) => `type = ${p}`];
  const parts = pattern.split(".").map((part) => {
    if (part === ">") return ".+";
    return part === "*" ? "[^.]+" : part;
  });
  return [`^${parts.join("\\.")}$`, (p) => `type ~ ${p}`];
}
