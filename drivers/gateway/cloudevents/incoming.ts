import { CloudEvent } from "@vextir/driver-runtime";
import type { z } from "zod";
import { Problem } from "../problem.ts";

/** An event as a client sent it, checked; every attribute is data, none of it is proof of anything. */
export interface IncomingEvent {
  id: string;
  source: string;
  type: string;
  subject?: string;
  time?: string;
  dataContentType?: string;
  dataSchema?: string;
  partitionKey?: string;
  traceParent?: string;
  traceState?: string;
  /** Who it is said to be of; whether the sender may say so is not yet known. */
  userId?: string;
  extensions: Record<string, string | number | boolean>;
  /** A JSON value, text or bytes, as `dataContentType` says; undefined when there is none. */
  data?: unknown;
}

/** How the client spelled an attribute, for messages: `ce-id` in binary mode, `id` in JSON. */
export type Spelling = (attribute: string) => string;

const REQUIRED = ["specversion", "id", "source", "type"] as const;
/** Lineage is the bus's word, and a client could read along with another's conversation if it could name it. */
const RESERVED = new Set(["correlationid", "causationid", "hops", "publisher"]);
const ATTRIBUTE_NAME = /^[a-z0-9]{1,64}$/;
const MAX_ATTRIBUTES = 64;
/** CloudEvents 1.0.2, section 3.1: no control characters, no surrogates that stand alone, no noncharacters. */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u;
/** RFC 3986 URI reference, with the letters of RFC 3987 let through. */
const URI_REFERENCE = /^(?:[^\s<>"{}|\\^`%]|%[0-9a-f]{2})+$/i;
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+*-]+\s*(?:;.*)?$/;
const USER = /^.{1,256}$/su;
export const TRACE_PARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The attributes of one event, checked. @throws Problem naming the attribute. */
export function checkAttributes(attributes: Record<string, unknown>, spell: Spelling): IncomingEvent {
  for (const name of REQUIRED)
    if (attributes[name] === undefined)
      throw new Problem("MissingAttribute", `"${spell(name)}" is missing: a CloudEvent needs ${list()}`, {
        field: spell(name),
      });
  checkVersion(attributes["specversion"], spell);
  checkNames(attributes, spell);
  const { success, data: event, error } = CloudEvent.safeParse(attributes);
  if (!success) throw invalidBy(error, attributes, spell);
  checkText(event, spell);
  const { specversion: _, id, source, type, subject, time, datacontenttype, dataschema, ...rest } = event;
  const { partitionkey, traceparent, tracestate, userid, ...extensions } = rest;
  return {
    id,
    source,
    type,
    ...(subject !== undefined && { subject }),
    ...(time !== undefined && { time }),
    ...(datacontenttype !== undefined && { dataContentType: datacontenttype }),
    ...(dataschema !== undefined && { dataSchema: dataschema }),
    ...(partitionkey !== undefined && { partitionKey: String(partitionkey) }),
    ...(traceparent !== undefined && { traceParent: String(traceparent) }),
    ...(tracestate !== undefined && { traceState: String(tracestate) }),
    ...(userid !== undefined && { userId: String(userid) }),
    extensions: extensions as IncomingEvent["extensions"],
  };
}

const list = () => REQUIRED.map((name) => `"${name}"`).join(", ");

function checkVersion(version: unknown, spell: Spelling): void {
  if (version === "1.0") return;
  throw new Problem(
    "UnknownSpecVersion",
    `"${spell("specversion")}" is ${shown(version)}: only CloudEvents "1.0" is known here`,
    { field: spell("specversion") },
  );
}

function checkNames(attributes: Record<string, unknown>, spell: Spelling): void {
  const names = Object.keys(attributes);
  if (names.length > MAX_ATTRIBUTES)
    throw new Problem("InvalidAttribute", `${names.length} attributes: at most ${MAX_ATTRIBUTES} are taken`);
  for (const name of names) {
    if (!ATTRIBUTE_NAME.test(name))
      throw invalid(spell(name), "names of attributes are lower-case letters and digits, at most 64");
    if (RESERVED.has(name))
      throw new Problem("ReservedAttribute", `"${spell(name)}" is set by the bus: leave it out`, {
        field: spell(name),
      });
  }
}

function checkText(event: CloudEvent, spell: Spelling): void {
  for (const [name, value] of Object.entries(event)) {
    if (typeof value === "string" && FORBIDDEN.test(value))
      throw invalid(spell(name), "control characters, lone surrogates and noncharacters are not taken");
    if (typeof value === "number" && !Number.isInteger(value))
      throw invalid(spell(name), "a number must be an integer");
  }
  if (!URI_REFERENCE.test(event.source)) throw invalid(spell("source"), "must be a URI reference");
  if (event.datacontenttype !== undefined && !MEDIA_TYPE.test(event.datacontenttype))
    throw invalid(spell("datacontenttype"), "must be a media type such as application/json");
  const user = event["userid"];
  if (user !== undefined && !USER.test(String(user)))
    throw invalid(spell("userid"), "must have 1 to 256 characters");
  const trace = event["traceparent"];
  if (trace !== undefined && !TRACE_PARENT.test(String(trace)))
    throw invalid(spell("traceparent"), "must be a W3C trace parent");
}

export function invalid(field: string, rule: string): Problem {
  return new Problem("InvalidAttribute", `"${field}": ${rule}`, { field });
}

function invalidBy(error: z.ZodError, attributes: Record<string, unknown>, spell: Spelling): Problem {
  const issue = error.issues[0];
  const name = String(issue?.path[0] ?? "");
  const problem = invalid(spell(name), `${issue?.message ?? "not valid"} (it is ${shown(attributes[name])})`);
  problem.cause = error;
  return problem;
}

function shown(value: unknown): string {
  if (typeof value !== "string") return value === null ? "null" : `a ${typeof value}`;
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
}
