import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { LocalProcess } from "./local-process.ts";

/** The example, its real model being one of this test's. */
const mock = new LLMock({ port: 0, host: "127.0.0.1", strict: true });
const read = (file: string) => readFile(join(import.meta.dirname, "../../../examples/chat", file), "utf8");
let local: LocalProcess;
let url: string;

const isUp = ["chat", "fake-model", "gateway", "toolbox"];
beforeAll(async () => {
  await mock.start();
  const models = await read("models.yaml");
  const chat = await read("chat.yaml");
  local = await LocalProcess.create({
    "models.yaml": models.replace(
      "provider: OpenAI\n",
      `provider: OpenAICompatible\n  endpoint: ${mock.url}/v1\n`,
    ),
    "chat.yaml": chat.replace("api.openai.com", `"${new URL(mock.url).host}"`),
    "gateway.yaml": await read("gateway.yaml"),
    "toolbox.yaml": await read("toolbox.yaml"),
    "fake-model.yaml": await read("fake-model.yaml"),
  });
});
afterAll(async () => {
  await local?.dispose();
  await mock.stop();
});

afterEach(() => local.end("SIGTERM"));

async function up(environment: Record<string, string>): Promise<void> {
  local.up({ args: ["--secret-env", "openai/api-key=THE_KEY"], environment });
  const rows = await local.ready(...isUp);
  url = rows.find(({ name }) => name === "gateway")?.urls[0] ?? "";
}

async function say(text: string): Promise<{ text: string; tools: { name: string; ok: boolean }[] }> {
  const event = { specversion: "1.0", id: crypto.randomUUID(), source: "/t", type: "chat.message.received" };
  const answer = await fetch(`${url}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", prefer: "wait=20" },
    body: JSON.stringify({ ...event, data: { text } }),
  });
  const { events } = (await answer.json()) as { events: { type: string; data: never }[] };
  const sent = events.find(({ type }) => type === "chat.message.sent");
  if (!sent) throw new Error(`no answer among ${JSON.stringify(events)}`);
  return sent.data;
}

test("without a key the fake model answers, by a tool of another driver", async () => {
  await up({});
  await local.said("THE_KEY is not set");
  const { text, tools } = await say("What time is it in Tokyo?");
  expect(text).toMatch(/\d\d:\d\d \(said by a fake model\)$/);
  expect(tools).toEqual([{ name: "toolbox.time", ok: true }]);
});

test("with a key in the environment the real one does, and the key is nowhere to be seen", async () => {
  mock.onMessage("Who are you?", { content: "A model, by your key." });
  await up({ THE_KEY: "sk-of-the-environment" });
  expect((await say("Who are you?")).text).toBe("A model, by your key.");
  expect(local.output).not.toContain("sk-of-the-environment");
});
