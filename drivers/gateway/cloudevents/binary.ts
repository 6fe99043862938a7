import type { IncomingHttpHeaders } from "node:http";
import { dataOfBytes } from "./data.ts";
import { checkAttributes, type IncomingEvent, invalid } from "./incoming.ts";

const PREFIX = "ce-";
/** What a body without a Content-Type is. */
const UNKNOWN_TYPE = "application/octet-stream";

export const isBinary = (headers: IncomingHttpHeaders) =>
  Object.keys(headers).some((name) => name.startsWith(PREFIX));

const spell = (attribute: string) => (attribute === "datacontenttype" ? "content-type" : PREFIX + attribute);

/** One event in binary mode: attributes are headers, the body is its data. @throws Problem. */
export function readBinary(headers: IncomingHttpHeaders, body: Uint8Array): IncomingEvent {
  const attributes = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(PREFIX)) continue;
    const attribute = name.slice(PREFIX.length);
    if (attribute === "datacontenttype" || attribute === "data")
      throw invalid(name, "is no header of binary mode: the data is the body, its type the Content-Type");
    attributes.set(attribute, decodeHeader(String(value), name));
  }
  const contentType = headers["content-type"] ?? (body.length > 0 ? UNKNOWN_TYPE : undefined);
  if (contentType !== undefined) attributes.set("datacontenttype", contentType);
  const event = checkAttributes(Object.fromEntries(attributes), spell);
  const data = dataOfBytes(body, contentType ?? UNKNOWN_TYPE, "the body");
  return data === undefined ? event : { ...event, data };
}

/** HTTP binding 1.0.2, section 3.1.3.2: quotes are taken off first, then one round of percent-decoding. */
export function decodeHeader(value: string, name: string): string {
  // Node reads header bytes as Latin-1: what is not ASCII would arrive as other letters.
  if (/[^\t\x20-\x7e]/.test(value))
    throw invalid(name, "holds what is not printable ASCII: percent-encode it");
  const quoted = /^"((?:[^"\\]|\\.)*)"$/s.exec(value)?.[1];
  const text = quoted === undefined ? value : quoted.replaceAll(/\\(.)/gs, "$1");
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(name, "is not percent-encoded UTF-8: write a '%' as %25");
  }
}
