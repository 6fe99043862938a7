import { LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import type { LiveMessage } from "@vextir/driver-runtime";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import { z } from "zod";
import { type Conversation, conversationKey } from "./conversation.ts";
import ChatAgent from "./index.ts";
import type { ChatMessageSent } from "./messages.ts";

const mock = new LLMock({ port: 0, host: "127.0.0.1", strict: true, chunkSize: 8 });
let kit: TestKit;
let zones: string[] = [];
beforeAll(async () => {
  await mock.start();
  const model = (name: string, features: string[]) => ({
    ...{ name, provider: "OpenAICompatible" as const, endpoint: `${mock.url}/v1`, model: name },
    features: features as "Tools"[],
  });
  kit = await testKit(ChatAgent, {
    capabilities: {
      publish: ["chat.message.sent"],
      call: ["toolbox.time", "toolbox.flood", "toolbox.stuck"],
      observe: ["chat.cancel"],
      models: ["small", "spare"],
      state: true,
    },
    config: { memory: { turns: 4 }, maxSteps: 4, maxToolResultCharacters: 300, toolSeconds: 1 },
    delivery: { ackWait: "5s", backoff: ["50ms"], maxDeliver: 3 },
    file: { models: [model("small", ["Tools"]), model("spare", ["Tools"]), model("plain", [])] },
  });
  const zone = z.object({ zone: z.string() });
  kit.answer(
    "toolbox.time",
    (input) => {
      zones.push((input as { zone: string }).zone);
      return { text: "noon" };
    },
    { description: "Time in a zone", input: zone },
  );
  kit.answer("toolbox.flood", () => ({ text: "x".repeat(500_000) }), { description: "Much" });
  kit.answer("toolbox.stuck", () => new Promise(() => {}), { description: "Never" });
});
afterAll(async () => {
  await kit?.stop();
  await mock.stop();
});
afterEach(() => {
  mock.reset();
  zones = [];
});

async function say(text: string, more: { conversationId?: string; userId?: string } = {}) {
  const { userId, ...rest } = more;
  const options = userId === undefined ? {} : { userId };
  const { id } = await kit.publish("chat.message.received", { text, ...rest }, options);
  return { id, answer: () => answerTo(id) };
}
async function answerTo(id: string): Promise<ChatMessageSent> {
  for (let count = 1; ; count++) {
    const events = await kit.events("chat.message.sent", { count, timeoutMs: 15_000 });
    const event = events.find(({ causationId }) => causationId === id);
    if (event) return event.data as ChatMessageSent;
  }
}
const replyTo = async (...args: Parameters<typeof say>) => (await say(...args)).answer();
const asked = () =>
  mock.getRequests().map(({ body }) => body as { messages: { role: string; content: string }[] });
const tool = (name: string, written: string) => ({ toolCalls: [{ name, arguments: written }] });
const once = (userMessage: string, hasToolResult: boolean, response: object) =>
  mock.addFixture({ match: { userMessage, hasToolResult }, response: response as never });

test("a message is answered by the model, piece by piece on a live topic", async () => {
  mock.onMessage("hello", { content: "Good morning to you all, whoever you are." });
  const pieces: { delta: string; index: number; messageId: string }[] = [];
  kit.driver.observe(
    "live.chat-agent.>",
    ({ data }: LiveMessage<(typeof pieces)[number]>) => void pieces.push(data),
  );
  const { id, answer } = await say("hello");
  expect(await answer()).toEqual({
    text: "Good morning to you all, whoever you are.",
    inReplyTo: id,
    tools: [],
  });
  expect(pieces.map(({ delta }) => delta).join("")).toBe("Good morning to you all, whoever you are.");
  expect(pieces.every(({ messageId }, at) => messageId === id && pieces[at]?.index === at)).toBe(true);
});

describe("tools", () => {
  test("are offered, run in parallel, and what came of them is told to the model", async () => {
    const calls = ["Asia/Tokyo", "Europe/Rome"].map((zone) => ({
      name: "toolbox_time",
      arguments: JSON.stringify({ zone }),
    }));
    once("two zones", false, { toolCalls: calls });
    once("two zones", true, { content: "It is noon in both." });
    const { text, tools } = await replyTo("two zones");
    expect(text).toBe("It is noon in both.");
    expect(tools).toEqual([
      { name: "toolbox.time", ok: true },
      { name: "toolbox.time", ok: true },
    ]);
    expect(zones.toSorted()).toEqual(["Asia/Tokyo", "Europe/Rome"]);
  });

  const table = [
    {
      reason: "arguments that are no JSON",
      call: tool("toolbox_time", "{zone: Tokyo"),
      error: "InvalidInput",
      told: "not JSON",
    },
    {
      reason: "arguments that the tool doesn't take",
      call: tool("toolbox_time", '{"zone":3}'),
      error: "InvalidInput",
      told: "zone",
    },
    { reason: "a tool that there isn't", call: tool("rm_rf", "{}"), error: "NotFound", told: "toolbox_time" },
    { reason: "a tool that hangs", call: tool("toolbox_stuck", "{}"), error: "Timeout", told: "Timeout" },
  ];
  test.each(table)("$reason: the model is told, and may do better", async ({ reason, call, error, told }) => {
    once(reason, false, call);
    once(reason, true, { content: "I could not find out." });
    expect(await replyTo(reason)).toMatchObject({
      text: "I could not find out.",
      tools: [{ ok: false, error }],
    });
    expect(asked().at(-1)?.messages.at(-1)?.content).toContain(told);
  });

  test("a result of half a megabyte is cut, and that is said", async () => {
    once("flood", false, tool("toolbox_flood", ""));
    once("flood", true, { content: "A lot." });
    expect(await replyTo("flood")).toMatchObject({ text: "A lot.", tools: [{ ok: true }] });
    const told = asked().at(-1)?.messages.at(-1)?.content ?? "";
    expect(told).toContain("cut: it has");
    expect(told.length).toBeLessThan(400);
  });

  test("a model that never comes to an end has to answer at the last step", async () => {
    mock.addFixture({
      match: { predicate: ({ messages, tools }) => messages[1]?.content === "again" && !!tools },
      response: tool("toolbox_time", '{"zone":"UTC"}'),
    });
    mock.onMessage("again", { content: "Noon, as often as I asked." });
    expect((await replyTo("again")).text).toBe("Noon, as often as I asked.");
    expect(zones).toHaveLength(3);
  });
});

describe("a conversation", () => {
  test("is remembered, for its user alone", async () => {
    mock.onMessage(/./, { content: "noted" });
    await replyTo("my cat is Ada", { conversationId: "c1", userId: "ann" });
    await replyTo("what is my cat?", { conversationId: "c1", userId: "ann" });
    expect(
      asked()
        .at(-1)
        ?.messages.map(({ content }) => content),
    ).toContain("my cat is Ada");
    await replyTo("what is my cat?", { conversationId: "c1", userId: "bob" });
    expect(JSON.stringify(asked().at(-1))).not.toContain("Ada");
  });

  test("that grows beyond its bound is summarised", async () => {
    mock.addFixture({
      match: { userMessage: "Summarise the conversation" },
      response: { content: "They counted." },
    });
    mock.onMessage(/count/, { content: "yes" });
    let told = "";
    const live = kit.driver.observe("live.chat-agent.>", ({ data }: LiveMessage<{ delta: string }>) => {
      told += data.delta;
    });
    for (let i = 1; i <= 5; i++) await replyTo(`count ${i}`, { conversationId: "c2" });
    const key = conversationKey(undefined, "c2");
    while (!(await kit.driver.state.get<Conversation>(key))?.value.summary)
      await new Promise((resolve) => setTimeout(resolve, 10));
    await replyTo("count 6", { conversationId: "c2" });
    live.stop();
    // Only answers are told alive.
    expect(told).not.toContain("They");
    const { messages } = asked().at(-1) ?? { messages: [] };
    expect(messages.some(({ role, content }) => role === "system" && content.includes("They counted."))).toBe(
      true,
    );
    expect(messages.length).toBeLessThan(10);
  });

  test("that is more than the model takes, once it knows what a tool found, is told shorter; the tool is not called again", async () => {
    const tooLong = { message: "too long", type: "x", code: "context_length_exceeded" };
    const has = (messages: { role: string; content: unknown }[], role: string, part: string) =>
      messages.some((one) => one.role === role && String(one.content).includes(part));
    mock.onMessage("a long story", { content: "I see" });
    mock.addFixture({
      match: {
        predicate: ({ messages }) => has(messages, "tool", "") && has(messages, "user", "a long story"),
      },
      response: { error: tooLong, status: 400 },
    });
    once("its time", true, { content: "Noon." });
    once("its time", false, tool("toolbox_time", '{"zone":"UTC"}'));
    await replyTo("a long story", { conversationId: "c3" });
    expect(await replyTo("its time", { conversationId: "c3" })).toMatchObject({ text: "Noon." });
    expect(zones).toEqual(["UTC"]);
  });
});

describe("bad luck", () => {
  test("another granted model is asked when the first has none", async () => {
    mock.addFixture({
      match: { userMessage: "spare", model: "small" },
      response: { error: { message: "no such key", type: "x", code: "invalid_api_key" }, status: 401 },
    });
    mock.addFixture({
      match: { userMessage: "spare", model: "spare" },
      response: { content: "from the spare" },
    });
    expect((await replyTo("spare")).text).toBe("from the spare");
  });

  test("what lasts is told to whoever asked", async () => {
    const error = { message: "no such key", type: "x", code: "invalid_api_key" };
    mock.onMessage("nobody", { error, status: 401 });
    expect((await replyTo("nobody")).text).toContain("refuses the key");
  });

  test("a refusal is an answer", async () => {
    mock.onMessage("forbidden", { content: "", finishReason: "content_filter" });
    expect((await replyTo("forbidden")).text).toBe("I can't help with that.");
  });

  test("an answer that is cut off says so", async () => {
    mock.onMessage("endless", { content: "on and on", finishReason: "length" });
    expect((await replyTo("endless")).text).toContain("cut off");
  });

  test("a message that is delivered again is not answered again", async () => {
    mock.onMessage("twice", { content: "once" });
    const { id, answer } = await say("twice");
    await answer();
    const answers = async () =>
      (await kit.events("chat.message.sent", { count: 1 })).filter(({ causationId }) => causationId === id);
    await kit.publish("chat.message.received", { text: "twice" }, { id });
    mock.onMessage("after", { content: "it" });
    await replyTo("after");
    expect(await answers()).toHaveLength(1);
  });

  test.each([
    { reason: "from another source", mine: { source: "/mine" }, yours: { source: "/yours" } },
    { reason: "of another user", mine: { userId: "ann" }, yours: { userId: "bob" } },
  ])("another message with the same id, $reason, has an answer of its own", async ({ mine, yours }) => {
    // An id is any text, also one that is no key of a bucket.
    const id = `same..${Object.keys(mine)}`;
    mock.onMessage("my secret", { content: "yours alone" });
    mock.onMessage("and what was it", { content: "nobody knows" });
    await kit.publish("chat.message.received", { text: "my secret" }, { id, ...mine });
    await answerTo(id);
    await kit.publish("chat.message.received", { text: "and what was it" }, { id, ...yours });
    const answers = async () => (await kit.events("chat.message.sent")).filter((e) => e.causationId === id);
    while ((await answers()).length < 2) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await answers()).map(({ data }) => (data as ChatMessageSent).text)).toEqual([
      "yours alone",
      "nobody knows",
    ]);
  });
});

describe("a cancelled answer", () => {
  const slow = { content: "a very long story ".repeat(12) };

  test("ends at once, and others can't cancel it", async () => {
    mock.addFixture({ match: { userMessage: "story" }, response: slow, latency: 100 });
    const begun = new Promise<void>((resolve) => {
      kit.driver.observe("live.chat-agent.>", () => resolve());
    });
    const { id, answer } = await say("story", { userId: "ann" });
    await begun;
    await kit.publish("chat.cancel", { messageId: id }, { userId: "bob" });
    await kit.publish("chat.cancel", { messageId: id }, { userId: "ann" });
    expect((await answer()).text).toBe("(cancelled)");
  });
});

test("one that was granted a context hub where there is none answers without it, also by a model that takes no tools", async () => {
  mock.onMessage("alone", { content: "I am here." });
  const info = { provider: "OpenAICompatible" as const, endpoint: `${mock.url}/v1`, features: [] };
  const lonely = await testKit(ChatAgent, {
    capabilities: {
      publish: ["chat.message.sent"],
      context: [{ collection: "notes", verbs: ["search"] }],
      models: ["plain"],
      state: true,
    },
    file: { models: [{ ...info, name: "plain", model: "plain" }] },
  });
  try {
    const options = { publisher: "gateway", userId: "ann" };
    const { id } = await lonely.publish("chat.message.received", { text: "alone?" }, options);
    const [sent] = await lonely.events("chat.message.sent", { timeoutMs: 60_000 });
    expect(sent?.data).toEqual({ text: "I am here.", inReplyTo: id, tools: [] });
    expect(await lonely.metrics()).toContain('vextir_chat_context_searches_total{outcome="Unavailable"} 1');
  } finally {
    await lonely.stop();
  }
});
