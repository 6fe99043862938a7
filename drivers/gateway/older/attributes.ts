import { EventType } from "@vextir/driver-runtime";
import { OlderEventError, plainNumber } from "./older-event.ts";

/** CloudEvents 1.0.2, section 3.1. */
export const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
const NOT_OF_A_URI = /[\s<>"{}|\\^`]|%(?![0-9a-f]{2})/gi;
const UNKNOWN_SOURCE = "urn:vextir:source:unknown";

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === "string" && value.length > 0 && value.length <= maxLength && !FORBIDDEN.test(value);

/** A text or a number that can be an attribute; undefined when it can't. */
const textOf = (value: unknown, maxLength: number): string | undefined => {
  const text = typeof value === "number" ? String(value) : value;
  return isText(text, maxLength) ? text : undefined;
};

/** @throws OlderEventError */
export function idOf(id: unknown): string {
  const text = textOf(id, 256);
  if (text === undefined) throw new OlderEventError("id", "must be a text of 1 to 256 characters");
  return text;
}

/** @throws OlderEventError */
export function typeOf(type: unknown): string {
  if (EventType.safeParse(type).success) return type as string;
  const rule =
    type === undefined ? "is missing" : "must be dot-separated parts of letters, digits, '_' and '-'";
  throw new OlderEventError("type", rule);
}

/** A URI reference, percent-encoded where the text is none. @throws OlderEventError */
export function sourceOf(source: unknown): string {
  if (typeof source !== "string") throw new OlderEventError("source", "must be a text");
  if (FORBIDDEN.test(source)) return UNKNOWN_SOURCE;
  const encoded = source.replaceAll(NOT_OF_A_URI, encodeURIComponent);
  return encoded.length > 0 && encoded.length <= 1_024 ? encoded : UNKNOWN_SOURCE;
}

/** Both spellings may stand there when they say the same. @throws OlderEventError */
export function userOf(userID: unknown, user_id: unknown): string | undefined {
  const users = [userID, user_id].filter((user) => user !== undefined && user !== null && user !== "");
  const [user, other] = users.map((each) => textOf(each, 1_024));
  if (users.length > 0 && user === undefined) throw new OlderEventError("userID", "must be a text");
  if (users.length > 1 && user !== other) throw new OlderEventError("user_id", "says another than userID");
  return user;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(\.\d{1,9})?\d{0,20} ?(Z|z|[+-]\d\d:?\d\d)?$/;
/** Numbers below are seconds, above milliseconds, since 1970. */
const FIRST_MILLISECOND = 100_000_000_000;
const LAST_MILLISECOND = 253_402_300_799_999;

/** RFC 3339; a time without a zone is UTC. @throws OlderEventError */
export function timeOf(timestamp: unknown): string {
  const number = plainNumber(timestamp);
  const time = typeof number === "number" ? ofEpoch(number) : ofText(timestamp);
  if (time !== undefined) return time;
  const rule =
    timestamp === undefined ? "is missing" : "must be a date and time (ISO 8601), or seconds or milliseconds";
  throw new OlderEventError("timestamp", rule);
}

function ofEpoch(number: number): string | undefined {
  const ms = Math.floor(Math.abs(number) < FIRST_MILLISECOND ? number * 1_000 : number);
  return ms >= 0 && ms <= LAST_MILLISECOND ? new Date(ms).toISOString() : undefined;
}

function ofText(text: unknown): string | undefined {
  if (typeof text !== "string" || text.length > 64) return undefined;
  if (RFC_3339.test(text)) return isTime(text) ? text : undefined;
  const [, date, clock = "", fraction = "", zone = "Z"] = DATE_TIME.exec(text) ?? [];
  if (date === undefined) return undefined;
  const seconds = clock.length === 5 ? ":00" : "";
  const offset = zone.length === 5 ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase();
  const time = `${date}T${clock}${seconds}${fraction}${offset}`;
  return isTime(time) ? time : undefined;
}

/** `Date` takes February 30 for March 2: the day has to come back. */
function isTime(time: string): boolean {
  const ms = Date.parse(time);
  const day = Date.parse(`${time.slice(0, 10)}T00:00:00Z`);
  return !Number.isNaN(ms) && !Number.isNaN(day) && new Date(day).toISOString().startsWith(time.slice(0, 10));
}
