import { randomUUID } from "node:crypto";
import { Metadata, status } from "@grpc/grpc-js";
import { expect } from "@jest/globals";
import { toldBy } from "./client.ts";
import type { Cases } from "./suite.ts";
import { ROOT } from "./target.ts";

export const accessCases: Cases = {
  "who shows no token, or a bad one, is refused": async ({ hub }) => {
    const bad = new Metadata();
    bad.set("authorization", "Bearer nonsense");
    for (const metadata of [new Metadata(), bad])
      expect((await toldBy(hub.unary("listDocuments", metadata, {}))).code).toBe(status.UNAUTHENTICATED);
  },

  "another tenant finds nothing, also by an id": async ({ hub, full, target, user, note }) => {
    const { written } = await hub.unary("createDocument", full, { document: note() });
    const id = written?.id ?? "";
    const foreign = target.as("foreign");
    for (const call of [
      hub.unary("getDocument", foreign, { id }),
      hub.unary("history", foreign, { id }),
      hub.unary("deleteDocument", foreign, { id }),
      hub.unary("updateDocument", foreign, { id, document: note() }),
      hub.unary("restore", foreign, { id, revision: 1n }),
    ])
      expect((await toldBy(call)).code).toBe(status.NOT_FOUND);
    await expect(hub.unary("listDocuments", foreign, { filter: { users: [user] } })).resolves.toMatchObject({
      documents: [],
    });
    await expect(hub.collect("export", foreign, { user })).resolves.toEqual([]);
    await expect(hub.unary("erase", foreign, { user })).resolves.toMatchObject({ documents: 0n });
    await hub.unary("getDocument", full, { id });
  },

  "a driver without a grant is refused everything": async ({ hub, target, user, note }) => {
    const metadata = target.as("ungranted");
    const id = randomUUID();
    for (const call of [
      hub.unary("initUser", metadata, { user }),
      hub.unary("createDocument", metadata, { document: note() }),
      hub.unary("getDocument", metadata, { id }),
      hub.unary("updateDocument", metadata, { id, document: note() }),
      hub.unary("deleteDocument", metadata, { id }),
      hub.unary("listDocuments", metadata, {}),
      hub.unary("history", metadata, { id }),
      hub.unary("restore", metadata, { id, revision: 1n }),
      hub.unary("erase", metadata, { user }),
      hub.send("batchCreate", metadata, [{ document: note() }]),
      hub.send("import", metadata, []),
      hub.collect("export", metadata, { user }),
      hub.collect("watch", metadata, {}),
    ])
      expect((await toldBy(call)).code).toBe(status.PERMISSION_DENIED);
  },

  "who may write may not read what others wrote": async ({ hub, full, target, note }) => {
    const writer = target.as("writer");
    const { written } = await hub.unary("createDocument", full, { document: note({ content: "secret" }) });
    const id = written?.id ?? "";
    for (const call of [
      hub.unary("getDocument", writer, { id }),
      hub.unary("history", writer, { id }),
      hub.unary("restore", writer, { id, revision: 1n }),
      hub.unary("listDocuments", writer, {}),
    ])
      expect((await toldBy(call)).code).toBe(status.PERMISSION_DENIED);
    await expect(
      hub.unary("updateDocument", writer, { id, document: note({ content: "new" }) }),
    ).resolves.toMatchObject({ written: { revision: 2n } });
  },

  "a grant covers its collection and what is below, and no name that only begins alike": async ({
    hub,
    full,
    target,
    user,
    note,
  }) => {
    const reader = target.as("reader");
    const collections = ["open", "open/deep/er", "opener", "closed"].map((name) => `${ROOT}/${name}`);
    for (const collection of collections)
      await hub.unary("createDocument", full, { document: note({ collection, title: collection }) });
    const { documents } = await hub.unary("listDocuments", reader, { filter: { users: [user] } });
    expect(documents.map(({ title }) => title).sort()).toEqual([`${ROOT}/open`, `${ROOT}/open/deep/er`]);
    const outside = note({ collection: "elsewhere" });
    expect((await toldBy(hub.unary("createDocument", full, { document: outside }))).code).toBe(
      status.PERMISSION_DENIED,
    );
  },

  "a grant for the caller's own documents wants a user, and covers his alone": async ({
    hub,
    full,
    target,
    collection,
  }) => {
    const [anna, bert] = [target.as("own", "anna"), target.as("own", "bert")];
    const document = { collection, title: "of anna" };
    const { written } = await hub.unary("createDocument", anna, { document });
    const id = written?.id ?? "";
    await expect(hub.unary("getDocument", anna, { id })).resolves.toMatchObject({
      document: { user: "anna", provenance: { onBehalfOf: "anna" } },
    });
    expect((await toldBy(hub.unary("getDocument", bert, { id }))).code).toBe(status.NOT_FOUND);
    expect((await toldBy(hub.unary("getDocument", target.as("own"), { id }))).code).toBe(
      status.PERMISSION_DENIED,
    );
    const forBert = { document: { ...document, user: "bert" } };
    expect((await toldBy(hub.unary("createDocument", anna, forBert))).code).toBe(status.PERMISSION_DENIED);
    const away = { id, document: { ...document, user: "bert" } };
    expect((await toldBy(hub.unary("updateDocument", anna, away))).code).toBe(status.PERMISSION_DENIED);
    expect((await toldBy(hub.unary("erase", anna, { user: "bert" }))).code).toBe(status.PERMISSION_DENIED);
    await hub.unary("deleteDocument", full, { id });
  },
};
