import { randomUUID } from "node:crypto";
import {
  CE_PREFIX,
  decodeValue,
  EventType,
  EXTENSIONS,
  encodeValue,
  parseEventSubject,
  parseHandlingsSubject,
  partitionOf,
  SPEC_VERSION,
} from "@vextir/api";
import { DriverError } from "../errors.ts";
import type { Event, PublishOptions } from "./event.ts";
import { hopsOf, lineageAttributes } from "./lineage.ts";
import { decodeData, encodeData, JSON_TYPE } from "./payload.ts";

export interface EncodedEvent {
  id: string;
  partition: number;
  contentType: string | undefined;
  headers: Record<string, string>;
  payload: Uint8Array;
}

const RESERVED = new Set([
  "specversion",
  "id",
  "source",
  "type",
  "subject",
  "time",
  "datacontenttype",
  "dataschema",
  "data",
  ...Object.values(EXTENSIONS),
]);
const knownTypes = new Set<string>();

/** An event as the NATS binding's binary mode writes it. @throws DriverError `InvalidInput`, naming the attribute. */
export function encodeEvent(
  type: string,
  data: unknown,
  options: PublishOptions,
  source: string,
): EncodedEvent {
  checkType(type);
  const id = options.id ?? randomUUID();
  const contentType = options.dataContentType ?? (data === undefined ? undefined : JSON_TYPE);
  const lineage = lineageAttributes(options.cause, id);
  const partitionKey = options.partitionKey ?? options.cause?.partitionKey;
  const values: Record<string, string> = {};
  const put = (name: string, value: string | undefined, maxLength = 1_024) => {
    if (value === undefined) return;
    if (typeof value !== "string" || value.length === 0 || value.length > maxLength)
      throw invalid(type, `"${name}" must be a text of 1 to ${maxLength} characters`);
    values[CE_PREFIX + name] = encodeValue(value);
  };
  put("specversion", SPEC_VERSION);
  put("id", id, 256);
  put("source", options.source ?? source);
  put("type", type);
  put("time", timeText(type, options.time));
  put("subject", options.subject);
  put("datacontenttype", contentType, 256);
  put("dataschema", options.dataSchema);
  for (const [name, value] of Object.entries({
    ...lineage,
    ...(options.userId !== undefined && { [EXTENSIONS.user]: options.userId }),
    ...(partitionKey !== undefined && { [EXTENSIONS.partitionKey]: partitionKey }),
  }))
    put(name, value, 4_096);
  for (const [name, value] of Object.entries(options.extensions ?? {})) {
    if (!/^[a-z0-9]{1,64}$/.test(name) || RESERVED.has(name))
      throw invalid(
        type,
        `extension "${name}": names are lower-case letters and digits, and not one that the runtime sets`,
      );
    put(name, String(value), 4_096);
  }
  return {
    id,
    partition: partitionOf(partitionKey ?? id),
    contentType,
    headers: values,
    payload: encodeData(data, contentType ?? JSON_TYPE, `data of the event "${type}"`),
  };
}

function checkType(type: string): void {
  if (knownTypes.has(type)) return;
  if (!EventType.safeParse(type).success)
    throw new DriverError(
      "InvalidInput",
      `"${type}" is no event type: dot-separated parts of letters, digits, '_' and '-', not beginning with "live."`,
    );
  if (knownTypes.size < 1_024) knownTypes.add(type);
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i;

function timeText(type: string, time: Date | string | undefined): string {
  if (time === undefined) return new Date().toISOString();
  const text = time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : String(time);
  if (!RFC_3339.test(text) || Number.isNaN(Date.parse(text)))
    throw invalid(type, `"time" must be a Date or an RFC 3339 text, not "${text}"`);
  return text;
}

const invalid = (type: string, problem: string) =>
  new DriverError("InvalidInput", `event "${type}": ${problem}`);

/** Why a message is no event of Vextir: dropped and counted. */
export type EnvelopeFault = "NotACloudEvent" | "ForeignSubject" | "TypeMismatch" | "IncompleteEnvelope";

/** A message's own words; `fault` says that it is no event, `dataError` that its data is not what its content type says. */
export interface DecodedEvent {
  event: Event;
  dataError?: Error;
}

const CONSUMED = new Set([...RESERVED].map((name) => CE_PREFIX + name));

/** Where and when the bus stored a message. */
export interface Stored {
  subject: string;
  sequence: number;
  /** Milliseconds since the epoch. */
  storedMs: number;
}

const OPTIONAL = {
  subject: "subject",
  dataContentType: "datacontenttype",
  dataSchema: "dataschema",
  causationId: EXTENSIONS.causation,
  userId: EXTENSIONS.user,
  partitionKey: EXTENSIONS.partitionKey,
  traceParent: EXTENSIONS.traceParent,
  traceState: EXTENSIONS.traceState,
} as const;

/** Reads and checks an event. */
export function decodeEvent(
  stored: Stored,
  map: ReadonlyMap<string, string>,
  payload: Uint8Array,
): DecodedEvent | EnvelopeFault {
  const place = parseEventSubject(stored.subject) ?? parseHandlingsSubject(stored.subject);
  if (!place) return "ForeignSubject";
  const get = (name: string) => {
    const value = map.get(CE_PREFIX + name);
    return value === undefined ? undefined : decodeValue(value);
  };
  if (get("specversion") !== SPEC_VERSION) return "NotACloudEvent";
  if (get("type") !== place.type) return "TypeMismatch";
  const id = get("id");
  const source = get("source");
  if (!id || !source) return "IncompleteEnvelope";
  const { data, dataError } = dataOf(payload, get("datacontenttype"));
  const event: { -readonly [K in keyof Event]: Event[K] } = {
    id,
    type: place.type,
    publisher: place.publisher,
    source,
    time: get("time") ?? new Date(stored.storedMs).toISOString(),
    data,
    correlationId: get(EXTENSIONS.correlation) ?? id,
    hops: hopsOf(get(EXTENSIONS.hops)),
    extensions: extensionsOf(map),
    partition: place.partition,
    sequence: stored.sequence,
  };
  for (const [key, name] of Object.entries(OPTIONAL)) {
    const value = get(name);
    if (value !== undefined) event[key as keyof typeof OPTIONAL] = value;
  }
  return dataError ? { event, dataError } : { event };
}

function dataOf(payload: Uint8Array, contentType: string | undefined): { data: unknown; dataError?: Error } {
  try {
    return { data: decodeData(payload, contentType) };
  } catch (error) {
    return { data: undefined, dataError: error as Error };
  }
}

function extensionsOf(map: ReadonlyMap<string, string>): Record<string, string> {
  const extensions: Record<string, string> = {};
  for (const [name, value] of map)
    if (name.startsWith(CE_PREFIX) && !CONSUMED.has(name))
      extensions[name.slice(CE_PREFIX.length)] = decodeValue(value);
  return extensions;
}
