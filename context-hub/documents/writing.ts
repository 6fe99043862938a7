import { randomUUID } from "node:crypto";
import type { Session } from "@vextir/database";
import type { Written } from "@vextir/proto/contexthub/v1/documents_pb.js";
import type { Caller } from "../access/caller.ts";
import { mayTouch, pathOf, type Scope } from "../access/grants.ts";
import { failureOf } from "../database/failure.ts";
import { HubError } from "../rpc/hub-error.ts";
import type { Draft } from "./draft.ts";
import { dropChunks, writeChunks } from "./indexing.ts";
import type { KnownWords } from "./known-words.ts";
import { columns, type DocumentRow, etagOf, writtenOf } from "./row.ts";
import type { Store } from "./store.ts";

const RETRY_MS = 100;

export interface ChangeOptions {
  /** That the document must have; empty: any. */
  etag: string;
  /** Brings back what was deleted. */
  evenDeleted?: boolean;
}

/** Changes documents. Whoever changes something holds its tenant's row until he commits, so that changes appear in their order. */
export class Writing {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Each stored once: `changed` is false for what is there already. In the order of `drafts`. */
  async create(caller: Caller, scope: Scope, drafts: readonly Draft[]): Promise<Written[]> {
    for (const draft of drafts) permit(scope, draft);
    return this.#store.writing(scope, async (session) => {
      const first = await insert(session, caller, drafts, this.#store.words);
      const expired = first.filter(({ row }) => isExpired(row)).map(({ row }) => row.id);
      if (expired.length === 0) return first.map(({ row, created }) => writtenOf(row, created));
      await end(session, caller, [...new Set(expired)]);
      const again = await insert(session, caller, drafts, this.#store.words);
      return again.map(({ row, created }, i) => writtenOf(row, created || first[i]?.created === true));
    });
  }

  /** @throws HubError `NOT_FOUND`, `FAILED_PRECONDITION` by its etag, `ALREADY_EXISTS` when another document is the same */
  async change(
    caller: Caller,
    scope: Scope,
    id: string,
    draft: Draft,
    options: ChangeOptions,
  ): Promise<Written> {
    permit(scope, draft);
    try {
      return await this.#store.writing(scope, async (session) => {
        const change = await take(session, scope.tenant, 1);
        const current = await locked(session, scope.tenant, id, options);
        if (isSame(current, draft)) return writtenOf(current, false);
        await keep(session, scope.tenant, [id]);
        await dropChunks(session, scope.tenant, id);
        const [row] = await session.query<DocumentRow>(
          `update documents d set user_id = $3, collection = $4, path = $5, title = $6, content = $7, content_type = $8,
             metadata = $9::jsonb, language = $10, content_hash = decode($11, 'hex'), driver = $12, on_behalf_of = $13, event_id = $14,
             imported_from = '', updated_at = now(), expires_at = $15, deleted = false, revision = revision + 1, change = $16
           where tenant = $1 and id = $2 returning ${columns("d", false)}`,
          [
            scope.tenant,
            id,
            draft.user,
            draft.collection,
            pathOf(draft.collection),
            draft.title,
            draft.content,
            draft.contentType,
            JSON.stringify(draft.metadata),
            draft.language,
            draft.hash.toString("hex"),
            caller.driver,
            caller.user,
            draft.eventId,
            draft.expiresAt?.toISOString() ?? null,
            String(change),
          ],
        );
        await writeChunks(
          session,
          scope.tenant,
          [{ id, draft, path: pathOf(draft.collection) }],
          this.#store.words,
        );
        return writtenOf(row as DocumentRow, true);
      });
    } catch (error) {
      if (failureOf(error) === "Duplicate")
        throw new HubError("ALREADY_EXISTS", "another document of the collection is the same", {
          cause: error,
        });
      throw error;
    }
  }

  async delete(caller: Caller, scope: Scope, id: string, etag: string): Promise<Written> {
    return this.#store.writing(scope, async (session) => {
      await take(session, scope.tenant, 0);
      await locked(session, scope.tenant, id, { etag });
      const [row] = await end(session, caller, [id]);
      return writtenOf(row as DocumentRow, true);
    });
  }

  async initUser(scope: Scope, user: string): Promise<{ created: boolean; at: Date }> {
    if (scope.everybody.length === 0 && user !== scope.user)
      throw new HubError("PERMISSION_DENIED", "no grant covers this user");
    return this.#store.writing(scope, async (session) => {
      const made = await session.query(
        "insert into users (tenant, user_id) values ($1, $2) on conflict do nothing returning 1",
        [scope.tenant, user],
      );
      const [row] = await session.query<{ created_at: Date }>(
        "select created_at from users where tenant = $1 and user_id = $2",
        [scope.tenant, user],
      );
      return { created: made.length > 0, at: row?.created_at ?? new Date() };
    });
  }
}

/** @throws HubError `PERMISSION_DENIED` */
export function permit(scope: Scope, what: { collection: string; user: string }): void {
  if (!mayTouch(scope, what))
    throw new HubError("PERMISSION_DENIED", `no grant covers collection ${what.collection} for this user`);
}

const isExpired = ({ expires_at, deleted }: DocumentRow) =>
  !deleted && expires_at !== null && expires_at.getTime() <= Date.now();

function isSame(current: DocumentRow, draft: Draft): boolean {
  return (
    !current.deleted &&
    Buffer.from(current.content_hash).equals(draft.hash) &&
    current.collection === draft.collection &&
    current.user_id === draft.user &&
    (current.expires_at?.getTime() ?? 0) === (draft.expiresAt?.getTime() ?? 0)
  );
}

/** The numbers of the next changes: the first of them. The tenant's row is held from here on. */
export async function take(session: Session, tenant: string, count: number): Promise<bigint> {
  const [row] = await session.query<{ changes: string }>(
    "update tenants set changes = changes + $2::int where tenant = $1 returning changes::text",
    [tenant, count],
  );
  return BigInt(row?.changes ?? 0) - BigInt(count) + 1n;
}

async function locked(
  session: Session,
  tenant: string,
  id: string,
  { etag, evenDeleted }: ChangeOptions,
): Promise<DocumentRow> {
  const [row] = await session.query<DocumentRow>(
    `select ${columns("d", false)} from documents d where tenant = $1 and id = $2 for update`,
    [tenant, id],
  );
  if (!row || (!evenDeleted && (row.deleted || isExpired(row))))
    throw new HubError("NOT_FOUND", `no document ${id}`);
  const is = etagOf(row.revision, row.content_hash);
  if (etag && etag !== is)
    throw new HubError("FAILED_PRECONDITION", `the document has another etag by now: ${is}`, {
      precondition: { type: "ETAG", subject: id },
    });
  return row;
}

/** The newest revisions become former ones. */
async function keep(session: Session, tenant: string, ids: readonly string[]): Promise<void> {
  await session.query(
    "insert into revisions select * from documents where tenant = $1 and id = any($2::uuid[])",
    [tenant, ids],
  );
}

/** Ends documents that are there; nothing of what they held is left in the newest revision. */
export async function end(
  session: Session,
  { tenant, driver, user }: Caller,
  ids: readonly string[],
): Promise<DocumentRow[]> {
  const change = await take(session, tenant, ids.length);
  await keep(session, tenant, ids);
  await session.query("delete from chunks where tenant = $1 and id = any($2::uuid[])", [tenant, ids]);
  return session.query<DocumentRow>(
    `update documents d set title = '', content = '', metadata = '{}', content_hash = '', driver = $3, on_behalf_of = $4, event_id = '',
       imported_from = '', updated_at = now(), expires_at = null, deleted = true, revision = revision + 1,
       change = $5::bigint + i.n - 1
     from unnest($2::uuid[]) with ordinality as i(id, n)
     where d.tenant = $1 and d.id = i.id returning ${columns("d", false)}`,
    [tenant, ids, driver, user, String(change)],
  );
}

async function insert(
  session: Session,
  { tenant, driver, user }: Caller,
  drafts: readonly Draft[],
  words: KnownWords,
): Promise<{ row: DocumentRow; created: boolean }[]> {
  const input = drafts.map((draft, i) => ({
    n: i,
    id: randomUUID(),
    u: draft.user,
    c: draft.collection,
    p: pathOf(draft.collection),
    t: draft.title,
    x: draft.content,
    y: draft.contentType,
    m: draft.metadata,
    l: draft.language,
    h: draft.hash.toString("hex"),
    e: draft.eventId,
    z: draft.expiresAt?.toISOString(),
  }));
  const change = await take(session, tenant, drafts.length);
  const made = await session.query<DocumentRow>(
    `insert into documents as d (tenant, id, user_id, collection, path, title, content, content_type, metadata, language, revision,
       content_hash, driver, on_behalf_of, event_id, created_at, updated_at, expires_at, change)
     select $1, id, u, c, p, t, x, y, m, l, 1, decode(h, 'hex'), $3, $4, e, now(), now(), z, $5::bigint + n
     from json_to_recordset($2::json) as i(n int, id uuid, u text, c text, p text[], t text, x text, y smallint, m jsonb, l text,
       h text, e text, z timestamptz)
     on conflict (tenant, user_id, collection, content_hash) where not deleted do nothing
     returning ${columns("d", false)}`,
    [tenant, JSON.stringify(input), driver, user, String(change)],
  );
  const byId = new Map(made.map((row) => [row.id, row]));
  const fresh = input.filter(({ id }) => byId.has(id));
  await writeChunks(
    session,
    tenant,
    fresh.map(({ id, n, p }) => ({ id, draft: drafts[n] as Draft, path: p })),
    words,
  );
  const others = await there(
    session,
    tenant,
    input.filter(({ id }) => !byId.has(id)),
  );
  return input.map(({ id, n }) => {
    const row = byId.get(id) ?? others.get(n);
    // The one that was there ended in this very moment.
    if (!row)
      throw new HubError("ABORTED", "somebody else changes the same document", { retryAfterMs: RETRY_MS });
    return { row, created: byId.has(id) };
  });
}

/** What stood against an insert, by the number of the draft. */
async function there(
  session: Session,
  tenant: string,
  input: readonly { n: number; u: string; c: string; h: string }[],
): Promise<Map<number, DocumentRow>> {
  if (input.length === 0) return new Map();
  const keys = input.map(({ n, u, c, h }) => ({ n, u, c, h }));
  const rows = await session.query<DocumentRow & { n: number }>(
    `select i.n, ${columns("d", false)} from json_to_recordset($2::json) as i(n int, u text, c text, h text)
     join documents d on d.tenant = $1 and d.user_id = i.u and d.collection = i.c and d.content_hash = decode(i.h, 'hex')
       and not d.deleted`,
    [tenant, JSON.stringify(keys)],
  );
  return new Map(rows.map((row) => [row.n, row]));
}
