import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type FilterSchema,
  SearchMode,
  type SearchResult,
  type SynthesizeResponse,
} from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import {
  ContentType,
  type Document,
  type DocumentInputSchema,
  type Written,
} from "@vextir/proto/contexthub/v1/documents_pb.js";
import type {
  DocumentFilter,
  FoundDocument,
  Json,
  NewDocument,
  SearchOptions,
  StoredDocument,
  SynthesisPart,
  WrittenDocument,
} from "./hub.ts";

const TYPES = { plain: ContentType.PLAIN, markdown: ContentType.MARKDOWN, json: ContentType.JSON } as const;
export const MODES: Record<NonNullable<SearchOptions["mode"]>, SearchMode> = {
  text: SearchMode.TEXT,
  vector: SearchMode.VECTOR,
  hybrid: SearchMode.HYBRID,
};

export function inputOf(
  document: NewDocument,
  eventId: string,
): MessageInitShape<typeof DocumentInputSchema> {
  const { contentType = "plain", expiresAt, metadata, ...said } = document;
  return {
    ...said,
    contentType: TYPES[contentType],
    eventId,
    ...(metadata && { metadata }),
    ...(expiresAt && { expireTime: timestampFromDate(expiresAt) }),
  };
}

export function filterOf(filter: DocumentFilter = {}): MessageInitShape<typeof FilterSchema> {
  const { updatedFrom, updatedBefore, ...said } = filter;
  return {
    ...said,
    ...(updatedFrom && { updatedFrom: timestampFromDate(updatedFrom) }),
    ...(updatedBefore && { updatedBefore: timestampFromDate(updatedBefore) }),
  };
}

export const dateOf = (timestamp: Timestamp | undefined) =>
  timestamp ? timestampDate(timestamp) : new Date(0);

export function storedOf(document: Document | undefined): StoredDocument {
  if (!document) throw new TypeError("the hub answered no document");
  const { id, collection, user, title, content, language, etag, deleted, provenance } = document;
  const { driver = "", onBehalfOf = "", eventId = "" } = provenance ?? {};
  const types = Object.entries(TYPES).find(([, type]) => type === document.contentType);
  return {
    ...{ id, collection, user, title, content, language, etag, deleted },
    contentType: (types?.[0] ?? "plain") as StoredDocument["contentType"],
    metadata: (document.metadata ?? {}) as { [key: string]: Json },
    revision: Number(document.revision),
    provenance: { driver, onBehalfOf, eventId },
    createdAt: dateOf(document.createTime),
    updatedAt: dateOf(document.updateTime),
    expiresAt: document.expireTime && timestampDate(document.expireTime),
  };
}

export function writtenOf(written: Written | undefined): WrittenDocument {
  if (!written) throw new TypeError("the hub answered nothing");
  const { id, revision, etag, changed } = written;
  return { id, revision: Number(revision), etag, changed };
}

export function foundOf({ document, passage, score }: SearchResult): FoundDocument {
  const { text = "", start = 0, end = 0, highlights = [] } = passage ?? {};
  const marks = highlights.map((one) => ({ start: one.start, end: one.end }));
  return {
    document: storedOf(document),
    passage: { text, start, end, highlights: marks },
    score: score?.value ?? 0,
  };
}

export function partOf({ part }: SynthesizeResponse): SynthesisPart | undefined {
  switch (part.case) {
    case "text":
      return { kind: "text", text: part.value };
    case "citation": {
      const { number, documentId, title, passage } = part.value;
      return { kind: "citation", number, documentId, title, text: passage?.text ?? "" };
    }
    case "summary":
      return { kind: "summary", model: part.value.model, passages: part.value.passages };
    default:
      return undefined;
  }
}
