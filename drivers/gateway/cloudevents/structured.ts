import { Problem } from "../problem.ts";
import { dataOfBytes, dataOfMember } from "./data.ts";
import { checkAttributes, type IncomingEvent, type Spelling } from "./incoming.ts";
import { parseJson } from "./json.ts";

/** One event in the JSON format (structured mode). @throws Problem. */
export function readStructured(body: Uint8Array): IncomingEvent {
  return readMember(parseJson(body, "the body"), "the body");
}

/** An event, or why it is none. */
export type BatchEntry = IncomingEvent | Problem;

/** A batch in the JSON batch format; a bad entry spoils only itself here. @throws Problem when it is no batch at all. */
export function readBatch(body: Uint8Array, maxEvents: number): BatchEntry[] {
  const batch = parseJson(body, "the body");
  if (!Array.isArray(batch))
    throw new Problem("InvalidBody", "the body must be a JSON array of CloudEvents (batch mode)");
  if (batch.length > maxEvents)
    throw new Problem("TooLarge", `${batch.length} events: a batch has at most ${maxEvents} here`);
  return batch.map((entry, i) => {
    try {
      return readMember(entry, `entry ${i}`);
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  });
}

function readMember(value: unknown, what: string): IncomingEvent {
  return readObject(value, what, (attribute) => attribute);
}

/** The event that a JSON value is. @throws Problem. */
export function readObject(value: unknown, what: string, spell: Spelling): IncomingEvent {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Problem("InvalidBody", `${what} must be a JSON object: a CloudEvent (structured mode)`);
  const { data, data_base64: base64, ...members } = value as Record<string, unknown>;
  // JSON format, section 2.2: a member that is null counts as absent; for `data`, null is a value.
  const attributes = Object.fromEntries(Object.entries(members).filter(([, member]) => member !== null));
  const event = checkAttributes(attributes, spell);
  const found = dataOf(data, base64 ?? undefined, event);
  return found === undefined ? event : { ...event, data: found };
}

function dataOf(data: unknown, base64: unknown, { dataContentType }: IncomingEvent): unknown {
  if (base64 === undefined) return data === undefined ? undefined : dataOfMember(data, dataContentType);
  const refuse = (rule: string) =>
    new Problem("InvalidAttribute", `"data_base64": ${rule}`, { field: "data_base64" });
  if (data !== undefined) throw refuse('it and "data" exclude each other');
  if (typeof base64 !== "string" || !isBase64(base64)) throw refuse("must be a text in Base64 (RFC 4648)");
  return dataOfBytes(Buffer.from(base64, "base64"), dataContentType ?? "application/json", '"data_base64"');
}

/** `Buffer` skips what is no Base64, so the text is compared with what it stands for. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && Buffer.from(text, "base64").toString("base64") === text;
}
