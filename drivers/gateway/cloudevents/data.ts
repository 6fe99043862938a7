import { Problem } from "../problem.ts";
import { decode, parseJson } from "./json.ts";

const JSON_TYPE = /^(application|text)\/([\w.+-]*\+)?json\s*(;|$)/i;
const TEXT_TYPE = /^text\/|^application\/(xml|yaml)\b/i;

export const isJson = (contentType: string) => JSON_TYPE.test(contentType);

/** The bytes of an event's data, as its content type says. @throws Problem `InvalidBody` when they are not that. */
export function dataOfBytes(bytes: Uint8Array, contentType: string, what: string): unknown {
  if (isJson(contentType)) return bytes.length === 0 ? undefined : parseJson(bytes, what);
  if (bytes.length === 0) return undefined;
  return TEXT_TYPE.test(contentType) && isUtf8(contentType) ? decode(bytes, what) : bytes;
}

const isUtf8 = (contentType: string) =>
  !/charset/i.test(contentType) || /charset\s*=\s*"?utf-?8/i.test(contentType);

/** The member `data` of the JSON format (CloudEvents JSON 1.0.2, section 3.1). @throws Problem `InvalidAttribute`. */
export function dataOfMember(data: unknown, contentType: string | undefined): unknown {
  if (contentType === undefined || isJson(contentType) || typeof data === "string") return data;
  throw new Problem(
    "InvalidAttribute",
    `"data" of type ${contentType} must be a string, or "data_base64": only JSON may stand in "data" as it is`,
    { field: "data" },
  );
}
