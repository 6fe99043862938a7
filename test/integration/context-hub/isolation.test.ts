import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterAll, describe, expect, test } from "@jest/globals";
import { type Grant, mayTouch, scopeOf, VERBS } from "@vextir/context-hub/access/grants.ts";
import { conditionOf } from "@vextir/context-hub/documents/condition.ts";
import { draftOf } from "@vextir/context-hub/documents/draft.ts";
import { Reading } from "@vextir/context-hub/documents/reading.ts";
import { Store } from "@vextir/context-hub/documents/store.ts";
import { Writing } from "@vextir/context-hub/documents/writing.ts";
import { hubSchema } from "@vextir/context-hub/schema/migrate.ts";
import { Search } from "@vextir/context-hub/search/search.ts";
import { migrate, NewerSchema } from "@vextir/database";
import { DocumentInputSchema } from "@vextir/proto/contexthub/v1/documents_pb.js";
import fc from "fast-check";
import type { Home } from "../../fixtures/database-home.ts";
import { homes } from "./world.ts";

const RUNS = Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 40);
const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.reverse()) await end();
});

const TENANTS = ["alpha", "beta"];
const USERS = ["anna", "bert", "cleo"];
const COLLECTIONS = ["a", "a/b", "a/b/c", "ab", "b", "b/a", "a.b"];
const everything = (tenant: string) =>
  scopeOf(
    tenant,
    "",
    COLLECTIONS.map((collection) => ({ collection, verbs: VERBS, users: "All" })),
    "read",
  );

/** Every tenant's users' documents in every collection: 42 of them, each with a word of its own and one that all have. */
async function fill(
  store: Store,
): Promise<Map<string, { tenant: string; user: string; collection: string }>> {
  const all = new Map<string, { tenant: string; user: string; collection: string }>();
  for (const tenant of TENANTS) {
    const whose = USERS.flatMap((user) => COLLECTIONS.map((collection) => ({ user, collection })));
    const drafts = whose.map((one) =>
      draftOf(
        create(DocumentInputSchema, { ...one, title: randomUUID(), content: `everywhere ${one.user}` }),
        "",
      ),
    );
    const caller = { tenant, driver: "d", uid: "", user: "" };
    const written = await new Writing(store).create(caller, everything(tenant), drafts);
    for (const [i, { id }] of written.entries())
      all.set(id, { tenant, ...(whose[i] as { user: string; collection: string }) });
  }
  return all;
}

const anyGrant: fc.Arbitrary<Grant> = fc.record({
  collection: fc.constantFrom(...COLLECTIONS),
  verbs: fc.subarray([...VERBS], { minLength: 1 }),
  users: fc.constantFrom("All" as const, "Caller" as const),
});
const anyCaller = fc.record({
  tenant: fc.constantFrom(...TENANTS, "gamma"),
  user: fc.constantFrom(...USERS, "", "nobody"),
  grants: fc.array(anyGrant, { maxLength: 4 }),
  verb: fc.constantFrom(...VERBS),
});

describe.each(Object.entries(homes))("on %s", (_, start) => {
  let home: Home;
  let store: Store;

  test("several hubs migrate at once, again, and a newer schema is left alone", async () => {
    home = await start();
    ends.push(() => home.remove());
    const database = await home.open("isolation");
    ends.push(() => database.close());
    await Promise.all([1, 2, 3, 4].map(() => migrate(database, hubSchema("isolation"))));
    await migrate(database, hubSchema("isolation"));
    await database.query("insert into isolation.migrations (version) values (99)");
    await expect(migrate(database, hubSchema("isolation"))).rejects.toBeInstanceOf(NewerSchema);
    await database.query("delete from isolation.migrations where version = 99");
    store = new Store(database, "isolation");
  });

  test(
    "whatever is granted, nobody sees what he is not granted, and everybody all that he is",
    async () => {
      const all = await fill(store);
      const [reading, search] = [new Reading(store), new Search(store)];
      const condition = conditionOf(undefined);
      let seen = 0;
      await fc.assert(
        fc.asyncProperty(anyCaller, async ({ tenant, user, grants, verb }) => {
          const scope = scopeOf(tenant, user, grants, verb);
          const allowed = [...all]
            .filter(([, one]) => one.tenant === tenant && mayTouch(scope, one))
            .map(([id]) => id)
            .sort();
          const ids = (rows: { id: string }[]) => rows.map(({ id }) => id).sort();

          // What a statement without any condition of the code's sees: row-level security alone.
          for (const table of ["documents", "chunks"]) {
            const rows = await store.within(scope, (session) =>
              session.query<{ id: string }>(`select id::text from ${table}`),
            );
            expect(ids(rows)).toEqual(allowed);
          }
          const { documents } = await reading.list(scope, condition, {
            before: undefined,
            size: 200,
            content: true,
          });
          expect(ids(documents)).toEqual(allowed);
          const { found } = await search.search(scope, {
            query: "everywhere",
            condition,
            mode: "Text",
            limit: 100,
            weights: { collections: {}, recency: { halfLifeMs: 1, weight: 0 }, nowMs: 0 },
            highlights: false,
            language: "",
            anyWord: false,
            signal: new AbortController().signal,
          });
          expect(ids(found.map(({ row }) => row))).toEqual(allowed);
          seen += allowed.length;
        }),
        { numRuns: RUNS },
      );
      expect(seen).toBeGreaterThan(0);
    },
    240_000 + RUNS * 200,
  );

  test("a statement under a scope can neither write elsewhere nor take the scope off", async () => {
    const scope = scopeOf("alpha", "anna", [{ collection: "a", verbs: VERBS, users: "Caller" }], "write");
    const columns = "(tenant, user_id, id, ordinal, path, updated_at, start_at, end_at, text, search)";
    const insert = (tenant: string, user: string, path: string) =>
      store.within(scope, (session) =>
        session.query(
          `insert into chunks ${columns} values ($1, $2, gen_random_uuid(), 0, $3, now(), 0, 0, '', '')`,
          [tenant, user, [path]],
        ),
      );
    await expect(insert("alpha", "bert", "a")).rejects.toMatchObject({ code: "42501" });
    await expect(insert("beta", "anna", "a")).rejects.toMatchObject({ code: "42501" });
    await expect(insert("alpha", "anna", "b")).rejects.toMatchObject({ code: "42501" });
    await insert("alpha", "anna", "a");
    const refused = store.within(scope, (session) => session.query("select * from documents_1"));
    await expect(refused).rejects.toMatchObject({ code: "42501" });
    // A transaction's settings end with it: the next on the same connection sees nothing by itself.
    const [row] = await store.database.query<{ tenant: string | null }>(
      "select current_setting('hub.tenant', true) as tenant",
    );
    expect(row?.tenant || "").toBe("");
  });
});
