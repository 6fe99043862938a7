import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import type { Session } from "@vextir/database";
import type { Document } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { DocumentInputSchema } from "@vextir/proto/contexthub/v1/documents_pb.js";
import type { Caller } from "../access/caller.ts";
import { mayTouch, pathOf, type Scope } from "../access/grants.ts";
import { HubError, invalid } from "../rpc/hub-error.ts";
import { type Draft, draftOf } from "./draft.ts";
import * as fields from "./fields.ts";
import { writeChunks } from "./indexing.ts";
import type { KnownWords } from "./known-words.ts";
import { columns, type DocumentRow, documentOf } from "./row.ts";
import type { Store } from "./store.ts";
import { permit, take } from "./writing.ts";

/** Of one page of an export; so much is in memory at a time. */
const PAGE_BYTES = 3 * 1_048_576;
const PAGE_ROWS = 200;
/** Of the revisions of one document, which are stored together. */
const MAX_IMPORT_BYTES = 64 * 1_048_576;
const NO_ID = "00000000-0000-0000-0000-000000000000";

/** Every revision of a user's documents, document by document, oldest first; deletions too. */
export async function* exported(store: Store, scope: Scope, user: string): AsyncGenerator<Document> {
  let place: readonly [string, string] = [NO_ID, "0"];
  for (;;) {
    const rows = await store.within(scope, (session) =>
      session.query<DocumentRow>(
        `with page as (
           select * from (select * from documents union all select * from revisions) d
           where tenant = $1 and user_id = $2 and (id, revision) > ($3::uuid, $4::bigint) order by id, revision limit $5),
         sized as (select *, row_number() over w as place, sum(octet_length(content)) over w as bytes
           from page window w as (order by id, revision))
         select ${columns("d", true)} from sized d where place = 1 or bytes <= $6 order by id, d.revision`,
        [scope.tenant, user, ...place, PAGE_ROWS, PAGE_BYTES],
      ),
    );
    const last = rows.at(-1);
    if (!last) return;
    for (const row of rows) yield documentOf(row);
    place = [last.id, last.revision];
  }
}

export interface Imported {
  documents: number;
  revisions: number;
  skipped: number;
}

/** Takes documents whole, each in a transaction of its own; what is there already, by its id or by its content, is left. */
export async function imported(
  store: Store,
  caller: Caller,
  scope: Scope,
  documents: AsyncIterable<Document | undefined>,
): Promise<Imported> {
  const sum: Imported = { documents: 0, revisions: 0, skipped: 0 };
  const seen = async (revisions: readonly Revision[]) => {
    if (revisions.length === 0) return;
    const stored = await store.writing(scope, (session) => bring(session, caller, revisions, store.words));
    sum.documents += stored ? 1 : 0;
    sum.skipped += stored ? 0 : 1;
    sum.revisions += stored ? revisions.length : 0;
  };
  let group: Revision[] = [];
  let bytes = 0;
  for await (const document of documents) {
    const revision = revisionOf(document);
    permit(scope, revision.draft);
    if (group[0] && group[0].id !== revision.id) {
      await seen(group);
      group = [];
      bytes = 0;
    }
    const before = group.at(-1);
    if (before && before.revision >= revision.revision)
      throw invalid("document.revision", "revisions of a document follow each other, oldest first");
    bytes += Buffer.byteLength(revision.draft.content);
    if (bytes > MAX_IMPORT_BYTES)
      throw new HubError(
        "RESOURCE_EXHAUSTED",
        `the revisions of one document have more than ${MAX_IMPORT_BYTES} bytes`,
      );
    group.push(revision);
  }
  await seen(group);
  return sum;
}

interface Revision {
  id: string;
  revision: bigint;
  deleted: boolean;
  from: string;
  behalf: string;
  createdAt: Date;
  updatedAt: Date;
  draft: Draft;
}

function revisionOf(document: Document | undefined): Revision {
  if (!document) throw invalid("document", "must be set");
  const { collection, user, title, content, contentType, metadata, language, expireTime, provenance } =
    document;
  const input = create(DocumentInputSchema, {
    ...{ collection, user, title, content, contentType, language, eventId: provenance?.eventId ?? "" },
    ...(metadata && { metadata }),
    ...(expireTime && { expireTime }),
  });
  if (document.revision < 1n || document.revision > 2n ** 53n)
    throw invalid("document.revision", "from 1 on");
  const updatedAt = fields.timestamp("document.update_time", document.updateTime) ?? new Date();
  return {
    id: fields.id("document.id", document.id),
    revision: document.revision,
    deleted: document.deleted,
    from: fields.text(
      "document.provenance.driver",
      provenance?.importedFrom || provenance?.driver || "",
      200,
    ),
    behalf: fields.text("document.provenance.on_behalf_of", provenance?.onBehalfOf ?? "", 200),
    createdAt: fields.timestamp("document.create_time", document.createTime) ?? updatedAt,
    updatedAt,
    draft: draftOf(input, ""),
  };
}

async function bring(
  session: Session,
  caller: Caller,
  revisions: readonly Revision[],
  words: KnownWords,
): Promise<boolean> {
  const { tenant } = caller;
  const change = await take(session, tenant, 1);
  const last = revisions.at(-1) as Revision;
  const made = await store1(session, caller, "documents", last, change);
  if (!made) return false;
  for (const revision of revisions.slice(0, -1)) await store1(session, caller, "revisions", revision, change);
  if (!last.deleted)
    await writeChunks(
      session,
      tenant,
      [{ id: last.id, draft: last.draft, path: pathOf(last.draft.collection) }],
      words,
    );
  return true;
}

/** Who imports is who wrote it, as far as the hub can know; what the import says of that is kept beside. */
async function store1(
  session: Session,
  { tenant, driver }: Caller,
  table: "documents" | "revisions",
  { id, revision, draft, deleted, from, behalf, createdAt, updatedAt }: Revision,
  change: bigint,
): Promise<boolean> {
  const rows = await session.query(
    `insert into ${table} (tenant, id, user_id, collection, path, title, content, content_type, metadata, language, revision,
       content_hash, driver, on_behalf_of, event_id, imported_from, created_at, updated_at, expires_at, deleted, change)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10, $11, decode($12, 'hex'), $13, $14, $15, $16, $17, $18, $19, $20, $21)
     on conflict do nothing returning 1`,
    [
      ...[tenant, id, draft.user, draft.collection, pathOf(draft.collection), draft.title, draft.content],
      ...[draft.contentType, JSON.stringify(draft.metadata), draft.language, String(revision)],
      ...[deleted ? "" : draft.hash.toString("hex"), driver, behalf, draft.eventId, from],
      ...[createdAt.toISOString(), updatedAt.toISOString(), draft.expiresAt?.toISOString() ?? null],
      ...[deleted, String(change)],
    ],
  );
  return rows.length > 0;
}

export interface Erased {
  documents: number;
  revisions: number;
  remaining: number;
  digest: string;
  at: Date;
}

/** Forgets a user: rows, their parts, and the words that nobody else wrote. */
export async function erase(store: Store, scope: Scope, user: string): Promise<Erased> {
  if (scope.everybody.length === 0 && !mayTouch(scope, { collection: scope.own[0] ?? "", user }))
    throw new HubError("PERMISSION_DENIED", "no grant covers this user");
  const forgotten = await store.writing(scope, async (session) => {
    const of = [scope.tenant, user];
    await take(session, scope.tenant, 1);
    const ids = await session.query<{ id: string }>(
      "select id::text from documents where tenant = $1 and user_id = $2 union select id::text from revisions where tenant = $1 and user_id = $2 order by 1",
      of,
    );
    const lexemes = await session.query<{ word: string }>(
      "select distinct u.lexeme as word from chunks, unnest(search) u where tenant = $1 and user_id = $2",
      of,
    );
    const gone = async (table: string) => {
      const [row] = await session.query<{ n: number }>(
        `with gone as (delete from ${table} where tenant = $1 and user_id = $2 returning 1) select count(*)::int as n from gone`,
        of,
      );
      return row?.n ?? 0;
    };
    await gone("chunks");
    const [documents, revisions] = [await gone("documents"), await gone("revisions")];
    if (scope.everybody.length > 0) await gone("users");
    const [left] = await session.query<{ n: number; at: Date }>(
      `select (select count(*) from documents where tenant = $1 and user_id = $2)::int
         + (select count(*) from revisions where tenant = $1 and user_id = $2)::int
         + (select count(*) from chunks where tenant = $1 and user_id = $2)::int as n, now() as at`,
      of,
    );
    await forgetWords(
      session,
      scope.tenant,
      lexemes.map(({ word }) => word),
    );
    const digest = createHash("sha256");
    for (const { id } of ids) digest.update(`${id}\n`);
    return {
      documents,
      revisions,
      remaining: left?.n ?? 0,
      digest: digest.digest("hex"),
      at: left?.at ?? new Date(),
    };
  });
  store.words.forget(scope.tenant);
  return forgotten;
}

/** As the tables' owner: whether a word is still written somewhere is asked of the whole tenant. */
async function forgetWords(session: Session, tenant: string, words: readonly string[]): Promise<void> {
  if (words.length === 0) return;
  await session.query("select set_config('role', 'none', true)");
  await session.query(
    `delete from words w where tenant = $1 and word in (select json_array_elements_text($2::json))
       and not exists (select 1 from chunks c where c.tenant = $1 and c.search @@ array_to_tsvector(array[w.word])::text::tsquery)`,
    [tenant, JSON.stringify(words)],
  );
}
