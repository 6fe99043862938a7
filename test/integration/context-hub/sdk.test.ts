import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Capabilities } from "@vextir/api";
import { ContextAccess } from "../../../driver-runtime/context/context.ts";
import type { ContextHub } from "../../../driver-runtime/context/hub.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { HubWorld, homes } from "./world.ts";

let folder: string;
let home: Home;
let world: HubWorld;
let anna: ContextHub;
let access: ContextAccess;

const granted = Capabilities.parse({
  context: [{ collection: "conformance", verbs: ["read", "write", "search", "synthesize"] }],
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-sdk-"));
  home = await (homes["PostgreSQL"] as () => Promise<Home>)();
  world = await HubWorld.start(await home.open("sdk"), "sdk");
  const tokenFile = join(folder, "token");
  await writeFile(tokenFile, await world.tokens.pod("alpha", "own"));
  const address = { url: `http://${world.target.address}`, tokenFile };
  access = new ContextAccess({ file: { name: "own", capabilities: granted }, address });
  anna = access.on({ assertion: await world.tokens.assertion("alpha", "anna"), eventId: "event-7" });
});
afterAll(async () => {
  await world?.stop();
  await home?.remove();
  await rm(folder, { recursive: true });
});

test("whether the hub answers is known without a grant, and that there is none too", async () => {
  const file = { name: "nobody", capabilities: Capabilities.parse({}) };
  const tokenFile = join(folder, "token");
  const of = (address?: string) =>
    new ContextAccess({ file, address: address ? { url: `http://${address}`, tokenFile } : undefined })
      .on({})
      .reachable();
  expect(await of(world.target.address)).toBe(true);
  expect(await of("127.0.0.1:1")).toBe(false);
  expect(await of()).toBeUndefined();
});

test("the place in a trace goes along, as it does in HTTP", async () => {
  const raw = (bytes: Buffer) => bytes;
  const path = "/contexthub.v1.ContextHubService/Search";
  const streams = { requestStream: false, responseStream: false };
  const codecs = {
    ...{ requestSerialize: raw, requestDeserialize: raw },
    ...{ responseSerialize: raw, responseDeserialize: raw },
  };
  const server = new Server();
  let seen: Record<string, unknown> = {};
  server.addService({ search: { path, ...streams, ...codecs } }, {
    search: ({ metadata }: { metadata: Metadata }, answer: (error: null, bytes: Buffer) => void) => {
      seen = metadata.getMap();
      answer(null, Buffer.alloc(0));
    },
  } as never);
  const port = await promisify(server.bindAsync).call(
    server,
    "127.0.0.1:0",
    ServerCredentials.createInsecure(),
  );
  try {
    const address = { url: `http://127.0.0.1:${port}`, tokenFile: join(folder, "token") };
    const traced = new ContextAccess({ file: { name: "own", capabilities: granted }, address });
    const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    expect(await traced.on({ traceParent, traceState: "vendor=1" }).search("owls")).toEqual([]);
    expect(seen).toMatchObject({ traceparent: traceParent, tracestate: "vendor=1" });
  } finally {
    server.forceShutdown();
  }
});

test("what is written within an event is its user's, with the event; it is found, changed and ended", async () => {
  const note = {
    collection: "conformance/notes",
    title: "owls",
    content: "Owls hunt at night.",
    language: "en",
  };
  const written = await anna.create({ ...note, metadata: { kind: "bird" }, contentType: "markdown" });
  expect(written).toMatchObject({ revision: 1, changed: true });
  const [found] = await anna.search("hunting", { filter: { metadata: { kind: "bird" } } });
  expect(found?.document).toMatchObject({
    ...{ id: written.id, user: "anna", contentType: "markdown", metadata: { kind: "bird" } },
    provenance: { driver: "own", onBehalfOf: "anna", eventId: "event-7" },
  });
  expect(found?.passage.highlights).toEqual([{ start: 5, end: 9 }]);
  const second = await anna.update(
    written.id,
    { ...note, content: "Owls sleep by day." },
    { etag: written.etag },
  );
  const { revisions } = await anna.history(written.id);
  expect(revisions.map(({ revision, content }) => [revision, content])).toEqual([
    [2, "Owls sleep by day."],
    [1, "Owls hunt at night."],
  ]);
  const stale = anna.update(written.id, note, { etag: written.etag });
  await expect(stale).rejects.toMatchObject({ code: "Conflict" });
  await expect(anna.get(written.id)).resolves.toMatchObject({ content: "Owls sleep by day.", revision: 2 });
  const parts = [];
  for await (const part of anna.synthesize("What do owls do?")) parts.push(part.kind);
  expect(parts).toEqual(["citation", "text", "summary"]);
  await anna.delete(written.id, { etag: second.etag });
  await expect(anna.get(written.id)).rejects.toMatchObject({ code: "NotFound" });
  await expect(anna.list()).resolves.toEqual({ documents: [], nextPageToken: "" });
});

test("a user is made known once; an event's id that is longer than the hub takes is cut", async () => {
  await expect(anna.initUser()).resolves.toMatchObject({ created: true });
  await expect(anna.initUser()).resolves.toMatchObject({ created: false });
  await expect(anna.initUser({ user: "bert" })).rejects.toMatchObject({ code: "NotGranted" });
  const longer = access.on({
    assertion: await world.tokens.assertion("alpha", "anna"),
    eventId: "e".repeat(256),
  });
  const { id } = await longer.create({ collection: "conformance/notes", content: "of a long id" });
  await expect(longer.get(id)).resolves.toMatchObject({ provenance: { eventId: "e".repeat(200) } });
  await longer.delete(id);
});

test("refusals are the runtime's errors, and name what is wrong", async () => {
  const wrong = anna.create({ collection: "../x", content: "" });
  await expect(wrong).rejects.toMatchObject({ name: "DriverError", code: "InvalidInput" });
  await expect(wrong).rejects.toThrow("document.collection");
  await expect(access.on({}).list()).rejects.toMatchObject({ code: "NotGranted" });
  const elsewhere = anna.create({ collection: "elsewhere", content: "" });
  await expect(elsewhere).rejects.toMatchObject({ code: "NotGranted" });
});

test("without the capability, or a hub, nothing is tried", async () => {
  const file = { name: "none", capabilities: Capabilities.parse({}) };
  const none = new ContextAccess({ file, address: undefined }).on({});
  expect([none.may("search"), anna.may("search")]).toEqual([false, true]);
  await expect(none.search("x")).rejects.toMatchObject({ code: "NotGranted" });
  const lonely = new ContextAccess({ file: { name: "own", capabilities: granted }, address: undefined }).on(
    {},
  );
  await expect(lonely.search("x")).rejects.toMatchObject({ code: "Unavailable" });
});

test("while the hub can't, calls are tried again until their deadline; a watch goes on where it was", async () => {
  const note = (title: string) => ({ collection: "conformance/notes", title, content: title });
  const stop = new AbortController();
  const seen: string[] = [];
  let begun = false;
  const watching = (async () => {
    for await (const { document } of anna.watch({ signal: stop.signal, cursor: "0" })) {
      begun = true;
      if (document && !document.deleted) seen.push(document.title);
    }
  })();
  await eventually(() => begun);
  await anna.create(note("before"));
  await home.server?.end("SIGQUIT");
  const late = anna.create(note("during"), { timeoutMs: 20_000 });
  await expect(anna.create(note("never"), { timeoutMs: 300 })).rejects.toMatchObject({
    code: expect.stringMatching(/^(Unavailable|Timeout)$/),
  });
  await home.server?.run();
  await expect(late).resolves.toMatchObject({ changed: true });
  await eventually(() => seen.includes("during"));
  stop.abort();
  await watching;
  expect(seen.filter((title) => title === "before")).toHaveLength(1);
});
