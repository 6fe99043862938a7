import type { Row } from "@vextir/database";
import type { RecordedEvent, RecordedHandling } from "./schemas.ts";

/** Columns without the data; times as milliseconds, so that every driver of PostgreSQL reads them the same. */
export const EVENT_COLUMNS = `
  seq::text as seq, identity::text as identity, id, type, publisher, source, subject, time,
  (extract(epoch from stored_at) * 1000)::float8 as stored_ms, correlation, causation, user_id, hops, partition_key,
  trace_parent, content_type, data_schema, extensions, sequence::float8 as sequence, size`;

/** The data of rows up to so many bytes. */
export const dataColumns = (maxBytes: number) => `
  case when size <= ${maxBytes} then data end as data,
  case when size <= ${maxBytes} then encode(bytes, 'base64') end as bytes,
  size > ${maxBytes} as omitted`;

export const timeText = (ms: unknown) => new Date(Number(ms)).toISOString();

const given = (record: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== null && value !== undefined));

export function recordedEvent(row: Row): RecordedEvent {
  return {
    ...given({
      id: row["id"],
      type: row["type"],
      publisher: row["publisher"],
      source: row["source"],
      subject: row["subject"],
      time: row["time"],
      storedAt: timeText(row["stored_ms"]),
      correlationId: row["correlation"],
      causationId: row["causation"],
      userId: row["user_id"],
      hops: row["hops"],
      partitionKey: row["partition_key"],
      traceParent: row["trace_parent"],
      dataContentType: row["content_type"],
      dataSchema: row["data_schema"],
      extensions: row["extensions"],
      sequence: row["sequence"],
      size: row["size"],
    }),
    ...dataOf(row),
  } as RecordedEvent;
}

function dataOf({ size, data, bytes, omitted, content_type: type }: Row): Partial<RecordedEvent> {
  if (omitted === true) return { dataOmitted: true };
  if (size === 0) return {};
  if (typeof bytes !== "string") return { data };
  if (type === null || /json/i.test(String(type))) {
    try {
      return { data: JSON.parse(Buffer.from(bytes, "base64").toString()) };
    } catch {
      // It said that it was JSON, and is kept as it came.
    }
  }
  return { dataBase64: bytes.replaceAll("\n", "") };
}

export const HANDLING_COLUMNS = `
  event::text as event, driver, subscription, attempt, (extract(epoch from at) * 1000)::float8 as at_ms, duration_ms,
  outcome, reason, error`;

export function recordedHandling(row: Row): RecordedHandling {
  return given({
    driver: row["driver"],
    subscription: row["subscription"],
    attempt: row["attempt"],
    at: timeText(row["at_ms"]),
    durationMs: row["duration_ms"],
    outcome: row["outcome"],
    reason: row["reason"],
    error: row["error"],
  }) as RecordedHandling;
}
