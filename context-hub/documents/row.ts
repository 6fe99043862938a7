import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { Row } from "@vextir/database";
import {
  type Document,
  DocumentSchema,
  type Written,
  WrittenSchema,
} from "@vextir/proto/contexthub/v1/documents_pb.js";
import type { Json } from "./fields.ts";

export interface DocumentRow extends Row {
  id: string;
  user_id: string;
  collection: string;
  title: string;
  content: string;
  content_type: number;
  metadata: { [key: string]: Json };
  language: string;
  revision: string;
  content_hash: Buffer | Uint8Array;
  driver: string;
  on_behalf_of: string;
  event_id: string;
  imported_from: string;
  created_at: Date;
  updated_at: Date;
  expires_at: Date | null;
  deleted: boolean;
  change: string;
}

/** `bigint`s as texts: both drivers answer them alike. `content` is left out for headers. */
export const columns = (alias: string, content: boolean) =>
  `${alias}.id, ${alias}.user_id, ${alias}.collection, ${alias}.title, ${content ? `${alias}.content` : "''"} as content,
   ${alias}.content_type, ${alias}.metadata, ${alias}.language, ${alias}.revision::text as revision, ${alias}.content_hash,
   ${alias}.driver, ${alias}.on_behalf_of, ${alias}.event_id, ${alias}.imported_from, ${alias}.created_at, ${alias}.updated_at,
   ${alias}.expires_at, ${alias}.deleted, ${alias}.change::text as change`;

export const etagOf = (revision: string | bigint, hash: Uint8Array) =>
  `${revision}-${Buffer.from(hash.subarray(0, 6)).toString("hex")}`;

export function documentOf(row: DocumentRow): Document {
  return create(DocumentSchema, {
    id: row.id,
    collection: row.collection,
    user: row.user_id,
    title: row.title,
    content: row.content,
    contentType: row.content_type,
    metadata: row.metadata,
    language: row.language,
    revision: BigInt(row.revision),
    etag: etagOf(row.revision, row.content_hash),
    contentHash: Buffer.from(row.content_hash).toString("hex"),
    provenance: {
      driver: row.driver,
      onBehalfOf: row.on_behalf_of,
      eventId: row.event_id,
      importedFrom: row.imported_from,
    },
    createTime: timestampFromDate(row.created_at),
    updateTime: timestampFromDate(row.updated_at),
    ...(row.expires_at && { expireTime: timestampFromDate(row.expires_at) }),
    deleted: row.deleted,
  });
}

export function writtenOf(
  row: { id: string; revision: string; content_hash: Uint8Array },
  changed: boolean,
): Written {
  const { id, revision, content_hash } = row;
  return create(WrittenSchema, {
    id,
    revision: BigInt(revision),
    etag: etagOf(revision, content_hash),
    changed,
  });
}
