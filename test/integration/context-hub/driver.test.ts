import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import ContextHubDriver from "@vextir/driver-context-hub";
import {
  createDocument,
  type Desk,
  deleteDocument,
  updateDocument,
} from "@vextir/driver-context-hub/requests/documents.ts";
import { type Context, dataSchemaUri, type Event, OLDER_VERSION } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { causedBy, type DriverWorld, driverWorld, TENANT } from "./driver-world.ts";

const PUBLISH = ["context.>"];
let world: DriverWorld;

beforeAll(async () => {
  world = await driverWorld(ContextHubDriver, {
    ...{ store: "PostgreSQL", name: "context-hub", collections: ["notes", "mail"] },
    capabilities: { publish: PUBLISH, state: true },
    config: { attempts: 100, hubSeconds: 1 },
    delivery: { backoff: ["50ms"], maxDeliver: 100 },
  });
});
afterAll(() => world?.stop());

interface Ask {
  userId?: string;
  publisher?: string;
  id?: string;
  extensions?: Record<string, string>;
  dataSchema?: string;
}

async function ask(
  type: string,
  data: unknown,
  { userId = "anna", publisher = "gateway", ...more }: Ask = {},
) {
  const { id } = await world.kit.publish(type, data, { userId, publisher, ...more });
  return id;
}
const answer = async (id: string, type: string) => (await causedBy(world.kit, id, type))[0] as Event;
const dataOf = async (id: string, type: string) =>
  (await answer(id, type)).data as Record<string, unknown> & { documentId: string; etag: string };
const faultOf = async (id: string) =>
  (await dataOf(id, "context.request.failed"))["error"] as { code: string; message: string };
const note = (content: string, more: object = {}) => ({ collection: "notes", content, ...more });
const stored = async (content: string, more: Ask = {}) =>
  dataOf(await ask("context.document.create", note(content), more), "context.document.completed");

test("a user is made known, and is known then", async () => {
  for (const created of [true, false]) {
    const id = await ask("context.user.init", {}, { userId: "ines" });
    expect(await dataOf(id, "context.user.completed")).toEqual({ requestId: id, userId: "ines", created });
  }
});

test("a document is stored, found, changed and ended; each answer is the request's, and says so", async () => {
  const request = note("Owls hunt at night.", {
    ...{ title: "owls", language: "en", metadata: { kind: "bird" }, contentType: "markdown" },
  });
  const create = await ask("context.document.create", request);
  const completed = await answer(create, "context.document.completed");
  expect(completed).toMatchObject({
    correlationId: create,
    userId: "anna",
    hops: 1,
    publisher: "context-hub",
  });
  const { documentId, etag } = await dataOf(create, "context.document.completed");
  expect(completed.data).toEqual({
    ...{ requestId: create, userId: "anna", operation: "create", documentId, etag },
    ...{ version: 1, changed: true, collection: "notes" },
  });
  expect(await dataOf(create, "context.document.stored")).toMatchObject({
    documentId,
    title: "owls",
    version: 1,
  });

  const search = await ask("context.document.search", { query: "hunting", metadata: { kind: "bird" } });
  expect(await dataOf(search, "context.search.completed")).toMatchObject({
    ...{ requestId: search, query: "hunting" },
    hits: [{ collection: "notes", documentId, title: "owls", snippet: "Owls hunt at night." }],
  });
  const older = await ask("context.search.requested", { query: "hunting", collections: ["mail"] });
  expect(await dataOf(older, "context.search.completed")).toMatchObject({ hits: [] });

  const update = await ask("context.document.update", {
    ...request,
    content: "Owls sleep.",
    documentId,
    etag,
  });
  expect(await dataOf(update, "context.document.completed")).toMatchObject({ version: 2, changed: true });
  const stale = await ask("context.document.update", { ...request, documentId, etag });
  expect(await faultOf(stale)).toMatchObject({ code: "Conflict" });

  const remove = await ask("context.document.delete", { documentId });
  expect(await dataOf(remove, "context.document.completed")).toMatchObject({
    operation: "delete",
    changed: true,
  });
  expect(await dataOf(remove, "context.document.deleted")).toMatchObject({ documentId, collection: "notes" });
  expect(await faultOf(await ask("context.document.delete", { documentId }))).toMatchObject({
    code: "NotFound",
  });
});

test("a question is answered with citations; of what no document speaks it has failed", async () => {
  const { documentId } = await stored("Larks sing in the morning.", { userId: "lea" });
  const id = await ask("context.synthesis.requested", { query: "When do larks sing?" }, { userId: "lea" });
  expect(await dataOf(id, "context.synthesis.completed")).toMatchObject({
    text: "Larks sing in the morning. [1]",
    citations: [{ number: 1, documentId, text: "Larks sing in the morning." }],
  });
  const other = await ask("context.synthesis.requested", { query: "When do larks sing?" }, { userId: "max" });
  expect(await faultOf(other)).toMatchObject({ code: "NotFound" });
});

describe("delivered again", () => {
  test("a request is answered once", async () => {
    const ids = [];
    for (let i = 0; i < 3; i++)
      ids.push(await ask("context.document.create", note("said thrice"), { id: "the-same", userId: "tom" }));
    const marker = await stored("said afterwards", { userId: "tom" });
    expect(new Set(ids).size).toBe(1);
    expect(await causedBy(world.kit, "the-same", "context.document.completed")).toHaveLength(1);
    expect(await causedBy(world.kit, "the-same", "context.document.stored")).toHaveLength(1);
    expect(marker["changed"]).toBe(true);
  });

  /** A handler's context of one attempt; whatever the one before noted is lost. */
  async function desk(attempt: number, id: string): Promise<Desk> {
    const context = await world.as("context-hub", { eventId: id });
    const ctx = {
      attempt,
      event: { id },
      signal: new AbortController().signal,
      context,
    } as unknown as Context;
    return { ctx, user: "rita", driver: "context-hub", timeoutMs: 10_000 };
  }

  test("what was done but not noted is known by its event, also when somebody else went on from there", async () => {
    const first = await createDocument(await desk(1, "c"), note("draft"));
    expect(await createDocument(await desk(2, "c"), note("draft"))).toEqual(first);
    const { id: documentId } = first;
    const change = { documentId, etag: first.etag as string, ...note("better") };
    const second = await updateDocument(await desk(1, "u"), change);
    await updateDocument(await desk(1, "other"), { documentId, ...note("best") });
    expect(await updateDocument(await desk(2, "u"), change)).toMatchObject({
      revision: second.revision,
      changed: true,
    });
    const { ctx } = await desk(1, "look");
    expect(await ctx.context.get(documentId)).toMatchObject({ content: "best", revision: 3 });
    await expect(updateDocument(await desk(2, "never"), change)).rejects.toMatchObject({ code: "Conflict" });
    await deleteDocument(await desk(1, "d"), { documentId });
    expect(await deleteDocument(await desk(2, "d"), { documentId })).toMatchObject({ changed: false });
  });

  test("of changes at the same moment all but one go on from the others", async () => {
    const { id: documentId } = await createDocument(await desk(1, "race"), note("0"));
    const all = Array.from({ length: 4 }, async (_, i) =>
      updateDocument(await desk(1, `race-${i}`), { documentId, ...note(`content ${i}`) }),
    );
    expect((await Promise.all(all)).map(({ revision }) => revision).toSorted()).toEqual([2, 3, 4, 5]);
  });
});

describe("whose documents", () => {
  const assertion = (user: string) => world.hub.tokens.assertion(TENANT, user);

  test("an id that was passed on does not open another user's document", async () => {
    const { documentId } = await stored("anna's secret");
    for (const [type, data] of [
      ["context.document.update", { documentId, ...note("mine now") }],
      ["context.document.delete", { documentId }],
    ] as const)
      expect(await faultOf(await ask(type, data, { userId: "mallory" }))).toMatchObject({ code: "NotFound" });
    const search = await ask("context.document.search", { query: "secret" }, { userId: "mallory" });
    expect(await dataOf(search, "context.search.completed")).toMatchObject({ hits: [] });
  });

  const table: { reason: string; with: () => Promise<Ask & { said?: string }>; code?: string }[] = [
    {
      reason: "a publisher that is not trusted",
      with: async () => ({ publisher: "plugin" }),
      code: "NotGranted",
    },
    {
      reason: "the gateway's assertion, by whomever it comes",
      with: async () => ({ publisher: "plugin", extensions: { userassertion: await assertion("anna") } }),
    },
    {
      reason: "an assertion of another tenant",
      with: async () => ({
        publisher: "plugin",
        extensions: { userassertion: await world.hub.tokens.assertion("beta", "anna") },
      }),
      code: "NotGranted",
    },
    {
      reason: "an assertion that nobody signed",
      with: async () => {
        const claims = Buffer.from(JSON.stringify({ sub: "anna", tenant: TENANT })).toString("base64url");
        return { publisher: "plugin", extensions: { userassertion: `e30.${claims}.x` } };
      },
      code: "NotGranted",
    },
    {
      reason: "no assertion at all in its place",
      with: async () => ({ extensions: { userassertion: "?" } }),
      code: "NotGranted",
    },
    {
      reason: "an assertion of one user, an event of another",
      with: async () => ({ extensions: { userassertion: await assertion("bert") } }),
      code: "InvalidInput",
    },
    { reason: "data that names another user", with: async () => ({ said: "bert" }), code: "InvalidInput" },
    { reason: "data that names the same user", with: async () => ({ said: "anna" }) },
  ];
  test.each(table)("$reason", async ({ with: given, code }) => {
    const { said, ...more } = await given();
    const data = { query: "anything", ...(said && { userId: said }) };
    const id = await ask("context.document.search", data, more);
    if (code) expect(await faultOf(id)).toMatchObject({ code });
    else expect(await dataOf(id, "context.search.completed")).toMatchObject({ requestId: id });
  });

  test("an event without a user is nobody's", async () => {
    const { id } = await world.kit.publish("context.user.init", {}, { publisher: "gateway" });
    expect(await faultOf(id)).toMatchObject({ code: "InvalidInput" });
  });
});

test("what is wrong with a request is said, with its field", async () => {
  const older = (type: string) => ({ dataSchema: dataSchemaUri(type, OLDER_VERSION) });
  const type = "context.document.search";
  expect(await faultOf(await ask(type, { limit: 3 }, older(type)))).toEqual({
    code: "InvalidInput",
    message: expect.stringMatching(/^data\.query: /),
  });
  for (const [data, field] of [
    [note("x", { collection: "../etc" }), "collection"],
    [note("x", { language: "klingon" }), "language"],
    [note("a\0b"), "content"],
  ] as const)
    expect(await faultOf(await ask("context.document.create", data))).toMatchObject({
      code: "InvalidInput",
      message: expect.stringContaining(field),
    });
  const elsewhere = await ask("context.document.create", note("x", { collection: "elsewhere" }));
  expect(await faultOf(elsewhere)).toMatchObject({ code: "NotGranted" });
  const both = await ask("context.synthesis.requested", { query: "a", summary: "b" });
  expect(await faultOf(both)).toMatchObject({ code: "InvalidInput" });
  const none = await ask("context.synthesis.requested", { summary: "b" });
  expect(await faultOf(none)).toMatchObject({ code: "NotFound" });
});

test("while the hub can't, requests wait", async () => {
  await world.home.server?.end("SIGQUIT");
  const late = await ask("context.document.create", note("in the end"));
  const retried = /events_handled_total\{subscription="default",outcome="Retried"\} [1-9]/;
  await eventually(async () => retried.test(await world.kit.metrics()));
  await world.home.server?.run();
  expect(await dataOf(late, "context.document.completed")).toMatchObject({ changed: true });
});
