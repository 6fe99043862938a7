import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { embedBatch, embedForever } from "@vextir/context-hub/models/embedding-queue.ts";
import { chatModel, embeddingModel } from "@vextir/context-hub/models/provider.ts";
import { SearchMode } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import { HubClient, toldBy } from "../../conformance/context-hub/client.ts";
import type { Home } from "../../fixtures/database-home.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { ModelServer } from "../../fixtures/model-server.ts";
import { HubWorld, homes } from "./world.ts";

const TEXTS = [
  "owls hunt mice at night",
  "larks sing in the morning",
  "the barn has a new roof",
  "trains leave every hour",
];
let server: ModelServer;
let home: Home;
let world: HubWorld;
let hub: HubClient;
const stopped = new AbortController();

const modelOf = (model: string) =>
  embeddingModel({ endpoint: server.endpoint, model, dimensions: server.dimensions });

beforeAll(async () => {
  server = await ModelServer.start();
  home = await (homes["PGlite"] as () => Promise<Home>)();
  world = await HubWorld.start(await home.open("models"), "models", {
    embedding: modelOf("words-1"),
    chat: chatModel({ endpoint: server.endpoint, model: "chat-1" }),
  });
  hub = new HubClient(world.target.address);
});
afterAll(async () => {
  stopped.abort();
  hub?.close();
  await world?.stop();
  await home?.remove();
  await server?.stop();
});

const ask = (query: string, mode: SearchMode) =>
  hub.unary("search", world.target.as("full"), { query, mode, limit: 3 });
const titles = async (query: string, mode: SearchMode) =>
  (await ask(query, mode)).results.map(({ document }) => document?.title);
const waiting = () =>
  world.store.database.query("select 1 from chunks where model is distinct from 'words-1'");

test("while the embedding model is away documents are stored and found by words, and vectors catch up", async () => {
  server.failing = 503;
  const full = world.target.as("full");
  for (const content of TEXTS)
    await hub.unary("createDocument", full, {
      document: { collection: "conformance/m", user: "u", title: content, content },
    });
  const troubles: unknown[] = [];
  const { database, schema } = world.store;
  const parts = { database, schema, model: modelOf("words-1"), signal: stopped.signal };
  const queue = embedForever({ ...parts, trouble: (error) => troubles.push(error) });
  await eventually(() => troubles.length > 0);
  const answer = await ask("owls", SearchMode.UNSPECIFIED);
  expect([answer.mode, answer.results[0]?.document?.title]).toEqual([SearchMode.TEXT, TEXTS[0]]);
  expect(await toldBy(ask("owls", SearchMode.VECTOR))).toMatchObject({
    code: status.UNAVAILABLE,
    retryAfterMs: 2_000,
  });
  server.failing = undefined;
  await eventually(async () => (await waiting()).length === 0);
  stopped.abort();
  await queue;
});

test("finds by meaning what shares no word, and fuses both", async () => {
  // The fixture's meaning of a word is its first four letters.
  await expect(titles("hunters of the nightfall", SearchMode.TEXT)).resolves.toEqual([]);
  expect((await titles("hunters of the nightfall", SearchMode.VECTOR))[0]).toBe(TEXTS[0]);
  const { results, mode } = await ask("morning singers", SearchMode.HYBRID);
  expect([mode, results[0]?.document?.title]).toEqual([SearchMode.HYBRID, TEXTS[1]]);
  expect(results[0]?.score).toMatchObject({ vectorRank: 1 });
  expect(results[0]?.score?.vectorScore).toBeGreaterThan(0.3);
  expect(server.asked.every(({ body }) => (body.input?.length ?? 0) <= 64)).toBe(true);
});

test("a changed document waits for another vector, and a vector of its former text is not taken", async () => {
  const full = world.target.as("full");
  const { results } = await ask("trains", SearchMode.TEXT);
  const id = results[0]?.document?.id ?? "";
  const document = { collection: "conformance/m", user: "u", title: "boats", content: "boats are slow" };
  const { database, schema } = world.store;
  await hub.unary("updateDocument", full, { id, document });
  const meddling = {
    ...modelOf("words-1"),
    embed: async (texts: readonly string[]) => {
      await hub.unary("updateDocument", full, { id, document: { ...document, content: "boats are fast" } });
      return modelOf("words-1").embed(texts);
    },
  };
  const { signal } = new AbortController();
  await expect(embedBatch({ database, schema, model: meddling, signal })).resolves.toBe(0);
  await expect(waiting()).resolves.toHaveLength(1);
  await expect(embedBatch({ database, schema, model: modelOf("words-1"), signal })).resolves.toBe(1);
});

test("the vectors' index is used", async () => {
  const found = await world.store.database.query<{ indexdef: string }>(
    "select indexdef from pg_indexes where indexdef like '%hnsw%'",
  );
  expect(found).toHaveLength(1);
  expect(found[0]?.indexdef).toContain("words-1");
});

test("a chat model answers from the passages; when it does not begin, their own sentences do", async () => {
  const full = world.target.as("full");
  const request = { query: "what do owls do?", instruction: "Be brief." };
  const told = async () => {
    const parts = await hub.collect("synthesize", full, request);
    const text = parts.map(({ part }) => (part.case === "text" ? part.value : "")).join("");
    const last = parts.at(-1)?.part;
    return { text, model: last?.case === "summary" ? last.value.model : undefined };
  };
  await expect(told()).resolves.toEqual({ text: "An owl lives there [1].", model: "chat-1" });
  const { messages } = server.asked.at(-1)?.body ?? {};
  expect(messages?.[0]?.content).toContain("Be brief.");
  expect(messages?.[1]?.content).toContain("[1] owls hunt mice at night");
  server.failing = 500;
  const without = await told();
  expect(without.model).toBe("");
  expect(without.text).toContain("owls hunt mice at night [1]");
});
