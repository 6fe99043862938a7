import { type Event, EXTENSIONS, rootOf } from "@vextir/driver-runtime";
import { identityOf } from "./identity.ts";
import { searchText } from "./search-text.ts";

/** An event as it is handed to the database: the columns of `events`, `bytes` in base64. */
export interface EventRow {
  stored_at: string;
  identity: string;
  id: string;
  type: string;
  publisher: string;
  source: string;
  subject: string | null;
  time: string;
  correlation: string;
  causation: string | null;
  user_id: string | null;
  hops: number;
  partition_key: string | null;
  trace_parent: string | null;
  content_type: string | null;
  data_schema: string | null;
  extensions: Record<string, string>;
  sequence: number;
  data: unknown;
  bytes: string | null;
  size: number;
  search: string;
}

/** Nobody asks by a trace's state: it is kept with what has no column of its own. */
const extensionsOf = ({ extensions, traceState }: Event) =>
  traceState === undefined ? extensions : { ...extensions, [EXTENSIONS.traceState]: traceState };

export function eventRow(event: Event, storedMs: number): EventRow {
  const { data, bytes, size } = dataOf(event.data);
  return {
    stored_at: new Date(storedMs).toISOString(),
    identity: eventIdentity({ ...event, root: rootOf(event) }),
    id: storable(event.id),
    type: event.type,
    publisher: event.publisher,
    source: storable(event.source),
    subject: optional(event.subject),
    time: storable(event.time),
    correlation: storable(event.correlationId),
    causation: optional(event.causationId),
    user_id: optional(event.userId),
    hops: event.hops,
    partition_key: optional(event.partitionKey),
    trace_parent: optional(event.traceParent),
    content_type: optional(event.dataContentType),
    data_schema: optional(event.dataSchema),
    extensions: Object.fromEntries(
      Object.entries(extensionsOf(event)).map(([name, value]) => [name, storable(value)]),
    ),
    sequence: event.sequence,
    data,
    bytes,
    size,
    search: storable(searchText(event)),
  };
}

/** What makes an event the same. */
export interface EventIdentity {
  publisher: string;
  source: string;
  id: string;
  /** A publisher may speak for several senders (a gateway does), whose ids are their own: it tells them apart by the correlation. */
  root?: string | undefined;
}

export const eventIdentity = ({ publisher, source, id, root }: EventIdentity) =>
  identityOf("event", publisher, source, id, ...(root === undefined ? [] : [root]));

/** PostgreSQL's text holds no U+0000 and no lone surrogates. */
export const storable = (text: string) => text.toWellFormed().replaceAll("\0", "\uFFFD");
const optional = (text: string | undefined) => (text === undefined ? null : storable(text));

/** `jsonb` refuses what text can't hold (escaped as `\u0000` or a lone `\ud…`): such JSON is kept as it is written. */
function dataOf(data: unknown): Pick<EventRow, "data" | "bytes" | "size"> {
  if (data === undefined) return { data: null, bytes: null, size: 0 };
  if (data instanceof Uint8Array)
    return { data: null, bytes: Buffer.from(data).toString("base64"), size: data.length };
  const text = JSON.stringify(data);
  const size = Buffer.byteLength(text);
  if (/\\u(0000|d[89a-f])/i.test(text))
    return { data: null, bytes: Buffer.from(text).toString("base64"), size };
  return { data, bytes: null, size };
}
