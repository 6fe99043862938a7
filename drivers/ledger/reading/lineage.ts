import type { Row, Session } from "@vextir/database";
import { findEvent } from "./get.ts";
import { HANDLING_COLUMNS, recordedHandling, timeText } from "./rows.ts";
import type { LineageInput, LineageNode, LineageOutput, RecordedHandling } from "./schemas.ts";

/** Honest chains end at 64 hops; causes are what publishers say, so the walk has an end of its own. */
const MAX_DEPTH = 100;
const MAX_HANDLINGS = 20;
/** An answer stays below what the bus carries. */
const MAX_BYTES = 700_000;

const COLUMNS = `identity::text as identity, seq::float8 as seq, id, type, publisher, source,
  (extract(epoch from stored_at) * 1000)::float8 as stored_ms, causation, user_id`;

type Found = Map<string, Row>;

/** The graph around an event, level by level: causes and effects are found by ids, each event once, so circles end. */
export async function lineageOf(session: Session, input: LineageInput): Promise<LineageOutput> {
  const { row: focus } = await findEvent(session, input);
  const found: Found = new Map([[identity(focus), focus]]);
  let truncated = false;
  if (input.direction !== "Down") truncated = await walk(session, found, focus, UP, input.limit);
  if (input.direction !== "Up")
    truncated = (await walk(session, found, focus, DOWN, input.limit)) || truncated;
  const rows = [...found.values()].sort((a, b) => Number(a["seq"]) - Number(b["seq"]));
  const handlings = await handlingsOf(session, rows);
  return graph(rows, handlings, identity(focus), truncated);
}

const identity = (row: Row) => String(row["identity"]);

interface Step {
  /** What of the events at hand leads on. */
  from: "causation" | "id";
  /** What of the next ones it is found by. */
  to: "id" | "causation";
}
const UP: Step = { from: "causation", to: "id" };
const DOWN: Step = { from: "id", to: "causation" };

/** @returns whether there is more than the limit. */
async function walk(
  session: Session,
  found: Found,
  focus: Row,
  { from, to }: Step,
  limit: number,
): Promise<boolean> {
  let level: Row[] = [focus];
  const asked = new Set<string>();
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const keys = [...new Set(level.map((row) => row[from]))].filter(
      (key): key is string => typeof key === "string" && !asked.has(key),
    );
    if (keys.length === 0) return false;
    for (const key of keys) asked.add(key);
    const rows = await session.query(
      `select ${COLUMNS} from events where ${to} = any($1::text[]) order by events.seq limit ${limit + 1}`,
      [keys],
    );
    level = rows.filter((row) => !found.has(identity(row)));
    for (const row of level) {
      if (found.size >= limit) return true;
      found.set(identity(row), row);
    }
  }
  return true;
}

async function handlingsOf(session: Session, rows: readonly Row[]): Promise<Map<string, RecordedHandling[]>> {
  const found = await session.query(
    `select ${HANDLING_COLUMNS} from (
       select *, row_number() over (partition by event order by at, attempt) as place
       from handlings where event = any($1::uuid[])) h
     where place <= ${MAX_HANDLINGS} order by at, attempt`,
    [rows.map(identity)],
  );
  const by = new Map<string, RecordedHandling[]>();
  for (const row of found) {
    const event = String(row["event"]);
    const list = by.get(event) ?? [];
    list.push(recordedHandling(row));
    by.set(event, list);
  }
  return by;
}

function graph(
  rows: readonly Row[],
  handlings: ReadonlyMap<string, RecordedHandling[]>,
  focus: string,
  truncated: boolean,
): LineageOutput {
  const events: LineageNode[] = [];
  const places = new Map<string, number[]>();
  let bytes = 0;
  let cut = false;
  let at = 0;
  for (const row of rows) {
    const event = node(row, handlings.get(identity(row)) ?? []);
    bytes += JSON.stringify(event).length + EDGE_BYTES;
    if (bytes > MAX_BYTES && identity(row) !== focus) {
      cut = true;
      continue;
    }
    if (identity(row) === focus) at = events.length;
    places.set(event.id, [...(places.get(event.id) ?? []), events.length]);
    events.push(event);
  }
  const edges = events.flatMap(({ causationId }, to) =>
    (causationId === undefined ? [] : (places.get(causationId) ?? []))
      .filter((from) => from !== to)
      .map((from) => ({ from, to })),
  );
  return { events, edges, focus: at, truncated: truncated || cut };
}

const EDGE_BYTES = 32;

function node(row: Row, handlings: RecordedHandling[]): LineageNode {
  const { id, type, publisher, source, causation, user_id: user } = row as Record<string, string | null>;
  return {
    id: id ?? "",
    type: type ?? "",
    publisher: publisher ?? "",
    source: source ?? "",
    storedAt: timeText(row["stored_ms"]),
    ...(causation !== null && causation !== undefined && { causationId: causation }),
    ...(user !== null && user !== undefined && { userId: user }),
    handlings,
  };
}
