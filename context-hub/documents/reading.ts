import type { Session } from "@vextir/database";
import type { Document } from "@vextir/proto/contexthub/v1/documents_pb.js";
import type { Scope } from "../access/grants.ts";
import { HubError } from "../rpc/hub-error.ts";
import { type Condition, documentCondition, Parameters } from "./condition.ts";
import { columns, type DocumentRow, documentOf } from "./row.ts";
import type { Store } from "./store.ts";

/** A page's contents: gRPC's clients take 4 MiB at a time. */
const PAGE_BYTES = 3 * 1_048_576;

export interface Page {
  documents: Document[];
  /** Each one's place in the list. */
  places: string[];
  /** The last one's place, when there are more. */
  next: string | undefined;
}

export class Reading {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** @throws HubError `NOT_FOUND` */
  async get(scope: Scope, id: string): Promise<Document> {
    const rows = await this.#store.within(scope, (session) =>
      session.query<DocumentRow>(
        `select ${columns("d", true)} from documents d
         where tenant = $1 and id = $2 and not deleted and (expires_at is null or expires_at > now())`,
        [scope.tenant, id],
      ),
    );
    if (!rows[0]) throw new HubError("NOT_FOUND", `no document ${id}`);
    return documentOf(rows[0]);
  }

  /** Last changed first, from before the change `before` on. */
  async list(
    scope: Scope,
    condition: Condition,
    { before, size, content }: { before: string | undefined; size: number; content: boolean },
  ): Promise<Page> {
    const parameters = new Parameters();
    const tenant = parameters.add(scope.tenant);
    const all = [`d.tenant = ${tenant}`, "not d.deleted", documentCondition(condition, parameters)];
    if (before !== undefined) all.push(`d.change < ${parameters.add(before)}::bigint`);
    return this.#page(scope, all.join(" and "), parameters, { size, content, order: "change desc" });
  }

  /** What has changed after the change `after`, in order; what was deleted as well. */
  async changes(scope: Scope, condition: Condition, after: string, size: number): Promise<Page> {
    const parameters = new Parameters();
    const tenant = parameters.add(scope.tenant);
    const where = `d.tenant = ${tenant} and d.change > ${parameters.add(after)}::bigint and ${documentCondition(condition, parameters)}`;
    return this.#page(scope, where, parameters, { size, content: true, order: "change" });
  }

  /** The number of the tenant's last change: all before it are to be seen. */
  async lastChange(scope: Scope): Promise<string> {
    const [row] = await this.#store.within(scope, (session) =>
      session.query<{ changes: string }>("select changes::text from tenants where tenant = $1", [
        scope.tenant,
      ]),
    );
    return row?.changes ?? "0";
  }

  /** Newest first, from before the revision `before` on. @throws HubError `NOT_FOUND` */
  async history(
    scope: Scope,
    id: string,
    { before, size }: { before: string | undefined; size: number },
  ): Promise<Page> {
    const parameters = new Parameters();
    const [tenant, which] = [parameters.add(scope.tenant), parameters.add(id)];
    const older = before === undefined ? "" : `and d.revision < ${parameters.add(before)}::bigint`;
    const where = `d.tenant = ${tenant} and d.id = ${which} ${older}`;
    const page = await this.#page(scope, where, parameters, {
      size,
      content: true,
      order: "revision desc",
      from: "(select * from documents union all select * from revisions)",
    });
    if (page.documents.length === 0 && before === undefined)
      throw new HubError("NOT_FOUND", `no document ${id}`);
    return page;
  }

  /** @throws HubError `NOT_FOUND` when there is no such revision, or it is a deletion. */
  async revision(scope: Scope, id: string, revision: bigint): Promise<DocumentRow> {
    const [row] = await this.#store.within(scope, (session) =>
      session.query<DocumentRow>(
        `select ${columns("d", true)} from (select * from documents union all select * from revisions) d
         where tenant = $1 and id = $2 and revision = $3 and not deleted`,
        [scope.tenant, id, String(revision)],
      ),
    );
    if (!row) throw new HubError("NOT_FOUND", `document ${id} has no content at revision ${revision}`);
    return row;
  }

  /** As many as fit, one at least; the store is not asked for contents that don't. */
  async #page(
    scope: Scope,
    where: string,
    parameters: Parameters,
    {
      size,
      content,
      order,
      from = "documents",
    }: { size: number; content: boolean; order: string; from?: string },
  ): Promise<Page> {
    const limit = parameters.add(size + 1);
    const budget = parameters.add(content ? PAGE_BYTES : Number.MAX_SAFE_INTEGER);
    const place = order.split(" ")[0] as "change" | "revision";
    const rows = await this.#store.within(scope, (session: Session) =>
      session.query<DocumentRow & { more: number }>(
        `with page as (select * from ${from} d where ${where} order by d.${order} limit ${limit}),
           sized as (select *, row_number() over w as place, count(*) over () as found,
             sum(octet_length(content) + octet_length(metadata::text)) over w as bytes from page window w as (order by ${order}))
         select ${columns("d", content)}, (d.found - d.place)::int as more from sized d
         where d.place = 1 or d.bytes <= ${budget} order by d.${order}`,
        parameters.values,
      ),
    );
    const kept = rows.slice(0, size);
    const last = kept.at(-1);
    return {
      documents: kept.map(documentOf),
      places: kept.map((row) => row[place]),
      next: last && last.more > 0 ? last[place] : undefined,
    };
  }
}
