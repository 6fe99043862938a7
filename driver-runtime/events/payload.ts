import { DriverError, type DriverErrorCode } from "../errors.ts";

export const JSON_TYPE = "application/json";
const EMPTY = new Uint8Array(0);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

const isJson = (contentType: string) => /^(application|text)\/([\w.+-]*\+)?json\s*(;|$)/i.test(contentType);
const isText = (contentType: string) => /^text\/|^application\/(xml|yaml)\b/i.test(contentType);

/** Bytes of an event's data: JSON by default; bytes and text of other content types as they are. */
export function encodeData(data: unknown, contentType: string, what: string): Uint8Array {
  if (data === undefined) return EMPTY;
  if (isJson(contentType)) return encodeJson(data, what);
  if (data instanceof Uint8Array) return data;
  if (typeof data === "string") return encoder.encode(data);
  throw new DriverError(
    "InvalidInput",
    `${what} of type ${contentType} must be a string or a Uint8Array, not ${data === null ? "null" : typeof data}`,
  );
}

/** @throws SyntaxError or TypeError when the bytes are not what the content type says. */
export function decodeData(bytes: Uint8Array, contentType: string | undefined): unknown {
  if (bytes.length === 0) return undefined;
  if (contentType === undefined || isJson(contentType)) return decodeJson(bytes);
  return isText(contentType) ? decoder.decode(bytes) : bytes;
}

/** @throws DriverError with `code` for what JSON can't hold. */
export function encodeJson(value: unknown, what: string, code: DriverErrorCode = "InvalidInput"): Uint8Array {
  if (value === undefined) return EMPTY;
  try {
    const text = JSON.stringify(value);
    if (text !== undefined) return encoder.encode(text);
  } catch (cause) {
    throw new DriverError(code, `${what} can't be written as JSON: ${(cause as Error).message}`, { cause });
  }
  throw new DriverError(code, `${what} can't be written as JSON: it is a ${typeof value}`);
}

/** Undefined for no bytes. @throws SyntaxError or TypeError. */
export function decodeJson(bytes: Uint8Array): unknown {
  return bytes.length === 0 ? undefined : JSON.parse(decoder.decode(bytes));
}
