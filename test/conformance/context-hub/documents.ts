import { randomUUID } from "node:crypto";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { expect } from "@jest/globals";
import { ContentType } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { toldBy } from "./client.ts";
import type { Cases, Tools } from "./suite.ts";

export const documentCases: Cases = {
  "a document comes back as it was written, with where it comes from": async ({ hub, full, user, note }) => {
    const metadata = { from: "bob@example.com", labels: ["a", "b"], deep: { n: 1.5, yes: true, no: null } };
    const input = note({
      title: "Ünïcode 🦉",
      content: "Line one\n\nLine “two” 𝄞",
      contentType: ContentType.MARKDOWN,
      metadata,
      language: "en",
    });
    const { written } = await hub.unary("createDocument", full, {
      document: { ...input, eventId: "event-1" },
    });
    expect(written).toMatchObject({ revision: 1n, changed: true });
    const { document } = await hub.unary("getDocument", full, { id: written?.id ?? "" });
    expect(document).toMatchObject({ ...input, user, revision: 1n, etag: written?.etag, deleted: false });
    expect(document?.provenance).toMatchObject({ eventId: "event-1", importedFrom: "" });
    expect(document?.provenance?.driver).not.toBe("");
    expect(document?.contentHash).toMatch(/^[0-9a-f]{64}$/);
  },

  "the same again changes nothing, whatever the order of its metadata": async ({ hub, full, note }) => {
    const first = await hub.unary("createDocument", full, {
      document: note({ metadata: { a: 1, b: { c: 1, d: 2 } } }),
    });
    const again = await hub.unary("createDocument", full, {
      document: note({ metadata: { b: { d: 2, c: 1 }, a: 1 } }),
    });
    expect(again.written).toEqual({ ...first.written, changed: false });
    const other = await hub.unary("createDocument", full, { document: note({ metadata: { a: 2 } }) });
    expect(other.written?.id).not.toBe(first.written?.id);
  },

  "a change wants the etag when one is shown, and the old revision stays": async ({ hub, full, note }) => {
    const { written: first } = await hub.unary("createDocument", full, {
      document: note({ content: "one" }),
    });
    const id = first?.id ?? "";
    const update = (content: string, etag: string) =>
      hub.unary("updateDocument", full, { id, etag, document: note({ content }) });
    const { written: second } = await update("two", first?.etag ?? "");
    expect(second).toMatchObject({ id, revision: 2n, changed: true });
    const told = await toldBy(update("three", first?.etag ?? ""));
    expect(told).toMatchObject({ code: status.FAILED_PRECONDITION, preconditions: ["ETAG"] });
    await expect(update("two", "")).resolves.toMatchObject({ written: { revision: 2n, changed: false } });
    const { revisions } = await hub.unary("history", full, { id });
    expect(revisions.map(({ revision, content }) => [revision, content])).toEqual([
      [2n, "two"],
      [1n, "one"],
    ]);
  },

  "what is deleted is gone, and can be brought back": async ({ hub, full, note }) => {
    const { written } = await hub.unary("createDocument", full, { document: note({ content: "kept" }) });
    const id = written?.id ?? "";
    await hub.unary("deleteDocument", full, { id });
    expect((await toldBy(hub.unary("getDocument", full, { id }))).code).toBe(status.NOT_FOUND);
    expect((await toldBy(hub.unary("deleteDocument", full, { id }))).code).toBe(status.NOT_FOUND);
    const { revisions } = await hub.unary("history", full, { id });
    expect(revisions.map((one) => [one.revision, one.deleted, one.content])).toEqual([
      [2n, true, ""],
      [1n, false, "kept"],
    ]);
    expect((await toldBy(hub.unary("restore", full, { id, revision: 2n }))).code).toBe(status.NOT_FOUND);
    await hub.unary("restore", full, { id, revision: 1n });
    await expect(hub.unary("getDocument", full, { id })).resolves.toMatchObject({
      document: { content: "kept", revision: 3n },
    });
  },

  "what becomes the same as another document is refused": async ({ hub, full, note }) => {
    await hub.unary("createDocument", full, { document: note({ content: "one" }) });
    const { written } = await hub.unary("createDocument", full, { document: note({ content: "two" }) });
    const change = hub.unary("updateDocument", full, {
      id: written?.id ?? "",
      document: note({ content: "one" }),
    });
    expect((await toldBy(change)).code).toBe(status.ALREADY_EXISTS);
  },

  "what has expired is gone, and may be written anew": async ({ hub, full, note }) => {
    const expireTime = timestampFromDate(new Date(Date.now() - 1_000));
    const { written } = await hub.unary("createDocument", full, { document: note({ expireTime }) });
    expect((await toldBy(hub.unary("getDocument", full, { id: written?.id ?? "" }))).code).toBe(
      status.NOT_FOUND,
    );
    const anew = await hub.unary("createDocument", full, { document: note() });
    expect(anew.written).toMatchObject({ changed: true });
    await hub.unary("getDocument", full, { id: anew.written?.id ?? "" });
  },

  "lists by pages, each document once, last changed first": async ({ hub, full, user, note, many }) => {
    await many(25);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await hub.unary("listDocuments", full, {
        filter: { users: [user] },
        pageSize: 7,
        pageToken,
      });
      seen.push(...page.documents.map(({ title }) => title));
      pageToken = page.nextPageToken;
      // One that is written meanwhile is on a page before this one.
      if (seen.length === 7) await hub.unary("createDocument", full, { document: note({ title: "late" }) });
    } while (pageToken);
    expect(seen).toEqual(Array.from({ length: 25 }, (_, i) => `title ${24 - i}`));
  },

  "a page token is of use for its own question only": async ({ hub, full, user, many }) => {
    await many(3);
    const filter = { users: [user] };
    const { nextPageToken } = await hub.unary("listDocuments", full, { filter, pageSize: 1 });
    for (const pageToken of [nextPageToken, "nonsense"]) {
      const told = await toldBy(hub.unary("listDocuments", full, { filter: {}, pageToken }));
      expect(told).toMatchObject({ code: status.INVALID_ARGUMENT, fields: ["page_token"] });
    }
  },

  "filters by collection, metadata, type and time": async ({ hub, full, user, note, collection }) => {
    const write = (document: Parameters<Tools["note"]>[0]) =>
      hub.unary("createDocument", full, { document: note(document) });
    await write({
      title: "inbox",
      collection: `${collection}/mail/inbox`,
      metadata: { from: "bob", tags: ["x", "y"] },
    });
    await write({ title: "mail", collection: `${collection}/mail`, metadata: { from: "eve" } });
    await write({ title: "mailer", collection: `${collection}/mailer`, contentType: ContentType.MARKDOWN });
    const titles = async (filter: object) => {
      const { documents } = await hub.unary("listDocuments", full, { filter: { users: [user], ...filter } });
      return documents.map(({ title }) => title).sort();
    };
    await expect(titles({ collections: [`${collection}/mail`] })).resolves.toEqual(["inbox", "mail"]);
    await expect(titles({ metadata: { tags: ["y"] } })).resolves.toEqual(["inbox"]);
    await expect(titles({ contentTypes: [ContentType.MARKDOWN] })).resolves.toEqual(["mailer"]);
    const tomorrow = timestampFromDate(new Date(Date.now() + 86_400_000));
    await expect(titles({ updatedFrom: tomorrow })).resolves.toEqual([]);
    await expect(titles({ updatedBefore: tomorrow })).resolves.toHaveLength(3);
  },

  "stores a stream of documents, and names those that are wrong": async ({ hub, full, note }) => {
    const documents = Array.from({ length: 250 }, (_, i) => note({ title: `batch ${i}` }));
    const wrong = note({ collection: "../etc" });
    const requests = [...documents, wrong, documents[0]].map((document) => ({
      ...(document && { document }),
    }));
    const answer = await hub.send("batchCreate", full, requests);
    expect(answer).toMatchObject({ created: 250n, unchanged: 1n, failed: 1n });
    expect(answer.failures).toMatchObject([
      { index: 250n, code: status.INVALID_ARGUMENT, field: "document.collection" },
    ]);
  },

  "a page of great documents is cut to what a client takes": async ({ hub, full, user, note }) => {
    const content = "x".repeat(1_900_000);
    for (const title of ["a", "b", "c"])
      await hub.unary("createDocument", full, { document: note({ title, content }) });
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await hub.unary("listDocuments", full, { filter: { users: [user] }, pageToken });
      sizes.push(page.documents.length);
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(sizes).toEqual([1, 1, 1]);
    const { documents } = await hub.unary("listDocuments", full, {
      filter: { users: [user] },
      omitContent: true,
    });
    expect(documents.map((one) => one.content)).toEqual(["", "", ""]);
  },

  "a user is made known once": async ({ hub, full }) => {
    const user = randomUUID();
    const first = await hub.unary("initUser", full, { user });
    const again = await hub.unary("initUser", full, { user });
    expect([first.created, again.created]).toEqual([true, false]);
    expect(again.createTime).toEqual(first.createTime);
  },
};
