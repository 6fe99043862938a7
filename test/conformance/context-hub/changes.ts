import { randomUUID } from "node:crypto";
import { status } from "@grpc/grpc-js";
import { expect } from "@jest/globals";
import { toldBy } from "./client.ts";
import type { Cases, Tools } from "./suite.ts";

/** Watches until `enough` of the documents told of. */
async function told(
  { hub, full, user }: Tools,
  cursor: string,
  enough: (seen: string[]) => boolean,
  ready?: () => Promise<unknown>,
): Promise<{ seen: string[]; cursor: string }> {
  const stop = new AbortController();
  const seen: string[] = [];
  let last = cursor;
  let begun: Promise<unknown> | undefined;
  for await (const change of hub.stream("watch", full, { filter: { users: [user] }, cursor }, stop.signal)) {
    begun ??= ready?.();
    last = change.cursor;
    const { document } = change;
    if (document) seen.push(document.deleted ? `-${document.id}` : document.title);
    if (document && enough(seen)) break;
  }
  stop.abort();
  await begun;
  return { seen, cursor: last };
}

export const changeCases: Cases = {
  "watching from the beginning tells of what is there, in order, then of what comes": async (tools) => {
    const { hub, full, note, many } = tools;
    await many(5);
    const { seen } = await told(
      tools,
      "0",
      (all) => all.length === 6,
      () => hub.unary("createDocument", full, { document: note({ title: "late" }) }),
    );
    expect(seen).toEqual(["title 0", "title 1", "title 2", "title 3", "title 4", "late"]);
  },

  "watching goes on from a cursor, and tells of deletions": async (tools) => {
    const { hub, full, note, many } = tools;
    await many(3);
    const first = await told(tools, "0", (all) => all.length === 2);
    const { written } = await hub.unary("createDocument", full, { document: note({ title: "gone" }) });
    await hub.unary("deleteDocument", full, { id: written?.id ?? "" });
    const rest = await told(tools, first.cursor, (all) => all.length === 2);
    expect([first.seen, rest.seen]).toEqual([
      ["title 0", "title 1"],
      ["title 2", `-${written?.id}`],
    ]);
  },

  "watching without a cursor begins now": async (tools) => {
    const { hub, full, note, many } = tools;
    await many(3);
    const { seen } = await told(
      tools,
      "",
      () => true,
      () => hub.unary("createDocument", full, { document: note({ title: "new" }) }),
    );
    expect(seen).toEqual(["new"]);
  },

  "what is exported and erased comes back by an import, history and all": async ({
    hub,
    full,
    user,
    note,
    many,
  }) => {
    await many(4);
    const { written } = await hub.unary("createDocument", full, { document: note({ content: "one" }) });
    const id = written?.id ?? "";
    await hub.unary("updateDocument", full, { id, document: note({ content: "two" }) });
    const answers = await hub.collect("export", full, { user });
    const documents = answers.flatMap(({ document }) => (document ? [document] : []));
    expect(documents).toHaveLength(6);

    const erased = await hub.unary("erase", full, { user });
    expect(erased).toMatchObject({ documents: 5n, revisions: 1n, remaining: 0n });
    expect((await toldBy(hub.unary("history", full, { id }))).code).toBe(status.NOT_FOUND);
    await expect(hub.collect("export", full, { user })).resolves.toEqual([]);

    const bring = () =>
      hub.send(
        "import",
        full,
        documents.map((document) => ({ document })),
      );
    await expect(bring()).resolves.toMatchObject({ documents: 5n, revisions: 6n, skipped: 0n });
    await expect(bring()).resolves.toMatchObject({ documents: 0n, skipped: 5n });
    const again = await hub.collect("export", full, { user });
    const said = (all: typeof answers) =>
      all.map(({ document }) => [document?.id, document?.revision, document?.content, document?.updateTime]);
    expect(said(again)).toEqual(said(answers));
    expect(again[0]?.document?.provenance?.importedFrom).toBe(documents[0]?.provenance?.driver);
  },

  "erasing leaves others' documents": async ({ hub, full, user, note, many }) => {
    await many(2);
    const other = randomUUID();
    const { written } = await hub.unary("createDocument", full, { document: note({ user: other }) });
    await hub.unary("erase", full, { user });
    await hub.unary("getDocument", full, { id: written?.id ?? "" });
    await hub.unary("erase", full, { user: other });
  },
};
