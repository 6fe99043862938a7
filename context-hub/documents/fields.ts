import { isMessage, toJson } from "@bufbuild/protobuf";
import { StructSchema, type Timestamp } from "@bufbuild/protobuf/wkt";
import { invalid } from "../rpc/hub-error.ts";

export const MAX_CONTENT_BYTES = 2 * 1_048_576;
export const MAX_METADATA_BYTES = 65_536;
const MAX_DEPTH = 64;
const MAX_NAMES = 8;
const COLLECTION = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
/** PostgreSQL's timestamps reach further; nothing that is written needs it. */
const YEAR_10000 = 253_402_300_800n;

/** PostgreSQL's texts hold no NUL. */
export function text(field: string, value: string, maxLength: number): string {
  // Code points are at most code units: no need to count when it is short.
  if (value.length > maxLength && [...value.slice(0, 2 * maxLength + 1)].length > maxLength)
    throw invalid(field, `at most ${maxLength} characters`);
  return withoutNul(field, value);
}

export function withoutNul(field: string, value: string): string {
  if (value.includes("\0")) throw invalid(field, "a text holds no NUL");
  return value;
}

export function content(field: string, value: string): string {
  if (Buffer.byteLength(value) > MAX_CONTENT_BYTES)
    throw invalid(field, `at most ${MAX_CONTENT_BYTES} bytes`);
  return withoutNul(field, value);
}

export function collection(field: string, value: string): string {
  const names = value.split("/");
  if (value.length > 200 || names.length > MAX_NAMES || !names.every((name) => COLLECTION.test(name)))
    throw invalid(
      field,
      `one to ${MAX_NAMES} names of letters, digits, '-', '_' and '.', joined by '/', each beginning and ending with a letter or digit; 200 characters at most`,
    );
  return value;
}

export function userName(field: string, value: string): string {
  if (value === "") throw invalid(field, "must be said: nobody is asserted on whose behalf this is");
  return text(field, value, 200);
}

export function id(field: string, value: string): string {
  if (!UUID.test(value)) throw invalid(field, "an id that the hub gave: a UUID in lower case");
  return value;
}

export function timestamp(field: string, value: Timestamp | undefined): Date | undefined {
  if (!value) return undefined;
  const { seconds, nanos } = value;
  if (seconds < 0n || seconds >= YEAR_10000 || nanos < 0 || nanos > 999_999_999)
    throw invalid(field, "a time from 1970 to 9999");
  return new Date(Number(seconds) * 1_000 + Math.floor(nanos / 1_000_000));
}

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Of a Struct, which is given as an object by protobuf-es; keys and texts as PostgreSQL can hold them. */
export function metadata(field: string, value: unknown): { [key: string]: Json } {
  if (value === undefined) return {};
  const plain = (isMessage(value, StructSchema) ? toJson(StructSchema, value) : value) as Json;
  check(field, plain, 0);
  if (Buffer.byteLength(JSON.stringify(plain)) > MAX_METADATA_BYTES)
    throw invalid(field, `at most ${MAX_METADATA_BYTES} bytes as JSON`);
  return plain as { [key: string]: Json };
}

function check(field: string, value: Json, depth: number): void {
  if (depth > MAX_DEPTH) throw invalid(field, `at most ${MAX_DEPTH} levels`);
  if (typeof value === "string") withoutNul(field, value);
  else if (typeof value === "number" && !Number.isFinite(value)) throw invalid(field, "numbers are finite");
  else if (Array.isArray(value)) for (const one of value) check(field, one, depth + 1);
  else if (value !== null && typeof value === "object")
    for (const [key, one] of Object.entries(value)) {
      withoutNul(field, key);
      check(`${field}.${key.slice(0, 100)}`, one, depth + 1);
    }
}

/** Its depth is found without reading it: what is nested too deep is never parsed. */
export function jsonContent(field: string, value: string): void {
  if (depthOf(value) > MAX_DEPTH) throw invalid(field, `at most ${MAX_DEPTH} levels of JSON`);
  try {
    JSON.parse(value);
  } catch {
    throw invalid(field, "not one JSON value");
  }
}

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

function depthOf(json: string): number {
  let [depth, deepest] = [0, 0];
  for (let i = 0; i < json.length; i++) {
    const character = json.charCodeAt(i);
    if (character === QUOTE) i = endOfString(json, i);
    else if (OPENING.has(character)) deepest = Math.max(deepest, ++depth);
    else if (CLOSING.has(character)) depth--;
  }
  return deepest;
}

function endOfString(json: string, from: number): number {
  for (let i = from + 1; i < json.length; i++) {
    const character = json.charCodeAt(i);
    if (character === QUOTE) return i;
    if (character === BACKSLASH) i++;
  }
  return json.length;
}
