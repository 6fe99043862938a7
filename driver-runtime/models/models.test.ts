import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { DriverFile, ModelFile } from "@vextir/api";
import { pino } from "pino";
import { DriverError } from "../errors.ts";
import { createMetrics } from "../observability/metrics.ts";
import { runtimeMetrics } from "../observability/runtime-metrics.ts";
import { type CountStore, memoryCounts } from "./counts.ts";
import type { ChatRequest, ModelNeed } from "./model.ts";
import { createModels } from "./models.ts";
import { retryAfterMsOf } from "./overload.ts";

const mock = new LLMock({ port: 0, host: "127.0.0.1", strict: true });
let keysDir: string;
beforeAll(async () => {
  await mock.start();
  keysDir = await mkdtemp(join(tmpdir(), "vextir-keys-"));
  await writeFile(join(keysDir, "small"), "sk-first-key\n");
});
afterAll(async () => {
  await mock.stop();
  await rm(keysDir, { recursive: true, force: true });
});
afterEach(() => {
  mock.reset();
});

const metrics = createMetrics();
const counters = runtimeMetrics(metrics);
const model = (name: string, spec: object = {}) =>
  ModelFile.parse({
    name,
    provider: "OpenAICompatible",
    endpoint: `${mock.url}/v1`,
    model: "gpt-4o-mini",
    hasKey: true,
    ...spec,
  });
const modelsOf = (...models: ModelFile[]) => countedBy(undefined, ...models);
const countedBy = (counts: CountStore | undefined, ...models: ModelFile[]) => {
  const capabilities = { models: [...models.map(({ name }) => name), "absent"] };
  const file = DriverFile.parse({ name: "chat", namespace: "team", class: "Agent", capabilities, models });
  const log = pino({ level: "silent" });
  return createModels({ file, keysDir, counts, metrics: counters, log });
};
const small = (spec: object = {}) => modelsOf(model("small", spec)).get("small");
const says = (text: string): ChatRequest => ({ messages: [{ role: "user", text }] });
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => expect(undefined).toBe("an error"),
    (error: unknown) => error as Error & { code: string },
  );

describe.each(["ChatCompletions", "Responses"])("by the API %s", (api) => {
  test("text arrives piece by piece, and is counted and priced", async () => {
    const usage = { prompt_tokens: 7, completion_tokens: 5, input_tokens: 7, output_tokens: 5 };
    mock.onMessage("hello", { content: "Good morning to you all.", usage });
    const pieces: string[] = [];
    const price = { inputPerMillionTokens: "1", outputPerMillionTokens: "2" };
    const answer = await small({ api, price }).chat(says("hello"), { onText: (text) => pieces.push(text) });
    expect(answer).toMatchObject({
      text: "Good morning to you all.",
      finish: "Stop",
      model: "small",
      toolCalls: [],
    });
    expect(pieces.join("")).toBe(answer.text);
    expect(pieces.length).toBeGreaterThan(1);
    expect(answer.usage).toEqual({ inputTokens: 7, outputTokens: 5, dollars: 17e-6 });
  });

  test("tools are asked for, in parallel, and their answers are understood", async () => {
    const calls = [
      { name: "toolbox_time", arguments: '{"zone":"Asia/Tokyo"}' },
      { name: "toolbox_time", arguments: "{not json" },
    ];
    mock.addFixture({
      match: { userMessage: "times", hasToolResult: false },
      response: { toolCalls: calls },
    });
    mock.addFixture({
      match: { userMessage: "times", hasToolResult: true },
      response: { content: "It is late." },
    });
    const tools = [{ name: "toolbox_time", description: "Time", input: { type: "object" } }];
    const asked = { ...says("times"), tools };
    const first = await small({ api }).chat(asked);
    expect(first.finish).toBe("ToolCalls");
    expect(first.toolCalls.map((call) => call.arguments)).toEqual(calls.map((call) => call.arguments));
    const results = first.toolCalls.map(({ id }) => ({ role: "tool" as const, callId: id, text: "01:00" }));
    const assistant = { role: "assistant" as const, toolCalls: first.toolCalls };
    const second = await small({ api }).chat({ tools, messages: [...asked.messages, assistant, ...results] });
    expect(second).toMatchObject({ text: "It is late.", finish: "Stop" });
  });

  test("an answer that is cut off says so", async () => {
    mock.onMessage("long", { content: "and so on", finishReason: "length" });
    expect(await small({ api }).chat(says("long"))).toMatchObject({ text: "and so on", finish: "Length" });
  });

  test("bad luck is tried again; what lasts is told", async () => {
    mock.onMessage("again", { content: "here" });
    mock.nextRequestError(500, { message: "the server is tired" });
    expect((await small({ api }).chat(says("again"))).text).toBe("here");
    mock.nextRequestError(401, { message: "no such key: sk-first-key", code: "invalid_api_key" });
    const error = await failing(small({ api }).chat(says("again")));
    expect(error).toMatchObject({ code: "InvalidConfig" });
    expect(error?.message).toContain("no such key: [key]");
    expect(inspect(error, { depth: 10 })).not.toContain("sk-first-key");
  });
});

describe("what a provider refuses", () => {
  const table = [
    { reason: "the request", status: 400, code: "invalid_request_error", want: "InvalidInput" },
    { reason: "more than the window", status: 400, code: "context_length_exceeded", want: "TooLarge" },
    { reason: "the key", status: 403, code: "forbidden", want: "InvalidConfig" },
    { reason: "a model that it doesn't know", status: 404, code: "model_not_found", want: "InvalidConfig" },
    { reason: "who has not paid", status: 429, code: "insufficient_quota", want: "Overloaded" },
  ];
  test.each(table)("$reason: $want, and it is not asked again", async ({ status, code, want }) => {
    mock.nextRequestError(status, { message: "no", code });
    mock.onMessage("x", { content: "an answer that nobody asked for twice" });
    expect(await failing(small().chat(says("x")))).toMatchObject({ code: want });
  });
});

describe("an endpoint that is no model", () => {
  let server: Server;
  let endpoint: string;
  const shown: string[] = [];
  let answer: (write: (text: string) => void, end: () => void, kill: () => void) => void;
  beforeAll(async () => {
    server = createServer(({ headers }, response) => {
      shown.push(headers.authorization ?? "");
      response.writeHead(200, { "content-type": "text/event-stream" });
      answer(
        (text) => response.write(text),
        () => response.end(),
        () => response.destroy(),
      );
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  });
  afterAll(() => server.closeAllConnections());
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  const chunk = (content: string, finish_reason: string | null = null) =>
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`;

  test("is shown the key, and a renewed one at the next request", async () => {
    answer = (write, end) => {
      write(chunk("y", "stop"));
      end();
    };
    const renewed = small({ endpoint });
    await renewed.chat(says("x"));
    await writeFile(join(keysDir, "small"), "sk-second-key\n");
    await renewed.chat(says("x"));
    expect(shown.splice(0)).toEqual(["Bearer sk-first-key", "Bearer sk-second-key"]);
  });

  test("is not asked while there is no key, and that is said", async () => {
    const keyless = modelsOf(model("keyless", { endpoint })).get("keyless");
    const error = await failing(keyless.chat(says("x")));
    expect(error).toMatchObject({
      code: "InvalidConfig",
      message: 'the key of model "keyless" can\'t be read',
    });
    expect(shown).toEqual([]);
  });

  test("silence is given up after the model's time", async () => {
    answer = (write) => write(chunk("I was about to"));
    const error = await failing(small({ endpoint, timeoutSeconds: 1 }).chat(says("x")));
    expect(error).toMatchObject({ code: "Timeout" });
  });

  test("a stream of nonsense is no answer", async () => {
    answer = (write, end) => {
      write("data: {not json\n\n");
      end();
    };
    expect(await failing(small({ endpoint }).chat(says("x")))).toMatchObject({ code: "InvalidOutput" });
  });

  test("no part of the key is told, wherever an answer is cut", async () => {
    await writeFile(join(keysDir, "small"), "sk-secret-key\n");
    let requests = 0;
    answer = (write, end) => {
      const message = `${"x".repeat(250 + 5 * (requests++ % 30))}sk-secret-key`;
      write(`data: ${JSON.stringify({ error: { message } })}\n\n`);
      end();
    };
    const asked = Array.from({ length: 30 }, () => failing(small({ endpoint }).chat(says("x"))));
    expect(inspect(await Promise.all(asked), { depth: 10 })).not.toContain("sk-se");
    shown.splice(0);
  });

  test("an answer without an end is not passed off as whole, and what was heard is not asked for again", async () => {
    let requests = 0;
    answer = (write, end) => {
      requests += 1;
      write(chunk("half"));
      end();
    };
    const error = await failing(small({ endpoint }).chat(says("x"), { onText: () => {} }));
    expect(error).toMatchObject({ code: "Unavailable" });
    expect(requests).toBe(1);
  });

  test("an endless answer is given up", async () => {
    answer = (write) => {
      const more = chunk("x".repeat(1_000_000));
      for (let i = 0; i < 6; i++) write(more);
    };
    expect(await failing(small({ endpoint }).chat(says("x")))).toMatchObject({ code: "InvalidOutput" });
  });

  test("whoever asked may lose interest", async () => {
    answer = () => {};
    const abort = new AbortController();
    const asking = failing(small({ endpoint }).chat(says("x"), { signal: abort.signal }));
    abort.abort();
    expect(await asking).toMatchObject({ code: "Closed" });
  });

  test.each([
    { api: "ChatCompletions", piece: chunk("I was about to") },
    {
      api: "Responses",
      piece: `data: ${JSON.stringify({ type: "response.output_text.delta", delta: "I was about to" })}\n\n`,
    },
  ])("also in the middle of an answer, by the API $api", async ({ api, piece }) => {
    answer = (write) => write(piece);
    const abort = new AbortController();
    const options = { signal: abort.signal, onText: () => abort.abort() };
    expect(await failing(small({ endpoint, api }).chat(says("x"), options))).toMatchObject({
      code: "Closed",
    });
  });
});

describe("a choice", () => {
  const choices = () =>
    modelsOf(
      model("cheap", { price: { inputPerMillionTokens: "0.1" }, contextWindow: 8_000 }),
      model("clever", { features: ["Tools"], contextWindow: 200_000, labels: { tier: "large" } }),
      model("vectors", { kind: "Embedding" }),
    );
  const table: { need: ModelNeed | undefined; want: string[] }[] = [
    { need: undefined, want: ["cheap", "clever"] },
    { need: { features: ["Tools"] }, want: ["clever"] },
    { need: { contextWindow: 100_000 }, want: ["clever"] },
    { need: { maxInputDollars: 0.2 }, want: ["cheap"] },
    { need: { labels: { tier: "large" } }, want: ["clever"] },
    { need: { kind: "Embedding" }, want: ["vectors"] },
  ];
  test.each(table)("of $need", ({ need, want }) => {
    expect(
      choices()
        .choose(need)
        .map(({ name }) => name),
    ).toEqual(want);
  });

  test("what isn't there or isn't granted is told apart", () => {
    const models = choices();
    expect(() => models.choose({ features: ["Vision"] })).toThrow(
      expect.objectContaining({ code: "NotFound" }),
    );
    expect(() => models.get("absent")).toThrow(expect.objectContaining({ code: "NotFound" }));
    expect(() => models.get("other")).toThrow(expect.objectContaining({ code: "NotGranted" }));
  });
});

test("texts become vectors, in their order", async () => {
  mock.onEmbedding("one", { embedding: [1, 0] });
  mock.onEmbedding("two", { embedding: [0, 1] });
  const vectors = modelsOf(model("small", { kind: "Embedding" })).get("small");
  expect(await vectors.embed(["one"])).toEqual([[1, 0]]);
  expect(await vectors.embed([])).toEqual([]);
  expect(await failing(vectors.chat(says("x")))).toMatchObject({ code: "InvalidConfig" });
});

describe("limits", () => {
  test("requests of everybody and of each user", async () => {
    mock.onMessage("x", { content: "y" });
    const limited = small({ limits: { requestsPerMinute: 3, perUser: { requestsPerMinute: 2 } } });
    await limited.chat(says("x"), { userId: "ann" });
    await limited.chat(says("x"), { userId: "ann" });
    const beyond = await failing(limited.chat(says("x"), { userId: "ann" }));
    expect(beyond).toMatchObject({ code: "Overloaded", message: expect.stringContaining("of the user") });
    expect(beyond?.message).not.toContain("ann");
    expect(retryAfterMsOf(beyond)).toBeLessThanOrEqual(60_000);
    // Who is refused has used up nothing of the others'.
    await limited.chat(says("x"), { userId: "bob" });
    const all = await failing(limited.chat(says("x"), { userId: "bob" }));
    expect(all).toMatchObject({ code: "Overloaded", message: expect.not.stringContaining("of the user") });
  });

  test("of many requests at once each is counted", async () => {
    mock.onMessage("x", { content: "y" });
    const limited = small({ limits: { requestsPerMinute: 30 } });
    await Promise.all(Array.from({ length: 30 }, () => limited.chat(says("x"))));
    expect(await failing(limited.chat(says("x")))).toMatchObject({ code: "Overloaded" });
  });

  test("an answer that can't be counted is an answer all the same", async () => {
    mock.onMessage("x", { content: "y" });
    const away = () => Promise.reject(new DriverError("Unavailable", "the bus is away"));
    const counts = { ...memoryCounts(), update: away };
    const limited = countedBy(
      counts,
      model("uncounted", { hasKey: false, limits: { requestsPerMinute: 3 } }),
    );
    expect((await limited.get("uncounted").chat(says("x"))).text).toBe("y");
    const { values } = await counters.modelRequests.get();
    const told = values.filter(({ labels }) => labels["model"] === "uncounted");
    expect(told.map(({ labels, value }) => [labels["outcome"], value])).toEqual([["Answered", 1]]);
  });

  test("what it may cost within a day", async () => {
    mock.onMessage("x", { content: "y" });
    const price = { inputPerMillionTokens: "1000000", outputPerMillionTokens: "1000000" };
    const limited = small({ price, limits: { dollarsPerDay: "0.5" } });
    await limited.chat(says("x"));
    expect(await failing(limited.chat(says("x")))).toMatchObject({ code: "Overloaded" });
  });
});
