import { createHash } from "node:crypto";
import { ContentType, type DocumentInput } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { invalid } from "../rpc/hub-error.ts";
import * as fields from "./fields.ts";
import { isLanguage, LANGUAGES } from "./language.ts";

/** A document as a writer says it, found to be in order. */
export interface Draft {
  collection: string;
  user: string;
  title: string;
  content: string;
  contentType: ContentType;
  metadata: { [key: string]: fields.Json };
  language: string;
  expiresAt: Date | undefined;
  eventId: string;
  /** SHA-256 over title, content, content type, metadata and language. */
  hash: Buffer;
}

/** @param caller whose document it is where that is not said. @throws HubError `INVALID_ARGUMENT` */
export function draftOf(input: DocumentInput | undefined, caller: string, field = "document"): Draft {
  if (!input) throw invalid(field, "must be set");
  const { contentType } = input;
  if (!(contentType in ContentType)) throw invalid(`${field}.content_type`, "not a known type");
  if (!isLanguage(input.language))
    throw invalid(`${field}.language`, `one of ${LANGUAGES.join(", ")}, or empty`);
  const content = fields.content(`${field}.content`, input.content);
  if (contentType === ContentType.JSON) fields.jsonContent(`${field}.content`, content);
  const said = {
    title: fields.text(`${field}.title`, input.title, 500),
    content,
    contentType: contentType === ContentType.UNSPECIFIED ? ContentType.PLAIN : contentType,
    metadata: fields.metadata(`${field}.metadata`, input.metadata),
    language: input.language,
  };
  return {
    ...said,
    collection: fields.collection(`${field}.collection`, input.collection),
    user: fields.userName(`${field}.user`, input.user || caller),
    expiresAt: fields.timestamp(`${field}.expire_time`, input.expireTime),
    eventId: fields.text(`${field}.event_id`, input.eventId, 200),
    hash: hashOf(said),
  };
}

export function hashOf(
  said: Pick<Draft, "title" | "content" | "contentType" | "metadata" | "language">,
): Buffer {
  const { title, content, contentType, metadata, language } = said;
  return createHash("sha256")
    .update(JSON.stringify([title, content, contentType, sorted(metadata), language]))
    .digest();
}

/** Objects as lists of their sorted entries: the order of keys is no difference. */
function sorted(value: fields.Json): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return { of: entries.map(([key, one]) => [key, sorted(one)]) };
}
