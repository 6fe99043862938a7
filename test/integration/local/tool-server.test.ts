import { createHash } from "node:crypto";
import { LLMock } from "@copilotkit/aimock";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { eventually } from "../../fixtures/eventually.ts";
import { Everything } from "../../fixtures/everything.ts";
import { LocalProcess } from "./local-process.ts";

/** An MCP server's tools, offered by the gateway as an MCP server's. */
const KEY = "vxk_".padEnd(64, "0");
const GATEWAY = `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: gateway }
spec:
  class: IO
  module: gateway
  ports: [{ name: http, containerPort: 8080 }]
  capabilities:
    state: true
    publish: [chat.message.received]
    observe: [chat.message.sent]
    call: ["everything.*", "toolbox.*"]
  config:
    observe: [chat.message.sent]
    replies: { chat.message.received: chat.message.sent }
    auth:
      apiKeys:
        - name: desktop
          sha256: ${createHash("sha256").update(KEY).digest("hex")}
          expires: "2100-01-01T00:00:00Z"
          user: ada
          grants:
            - { tools: ["everything.get-sum", "everything.echo", "toolbox.*"] }
            - { publish: [chat.message.received], read: [chat.message.sent] }
---
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: toolbox }
spec: { class: Tool, module: toolbox }
`;
const OTHERS = ["gateway", "toolbox", "chat"];
const SECRET = `
apiVersion: v1
kind: Secret
metadata: { name: everything }
stringData: { token: a-token }
`;

/** An agent whose model is one of this test's. */
const mock = new LLMock({ port: 0, host: "127.0.0.1", strict: true });
const agent = () => `
apiVersion: vextir.io/v1alpha1
kind: Model
metadata: { name: small }
spec: { provider: OpenAICompatible, endpoint: "${mock.url}/v1", model: small, features: [Tools] }
---
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: chat }
spec:
  class: Agent
  module: chat-agent
  subscriptions: [{ types: [chat.message.received] }]
  capabilities:
    publish: [chat.message.sent]
    call: ["everything.*"]
    models: [small]
    allowedHosts: ["${new URL(mock.url).host}"]
    state: true
`;

let server: Everything;
let url: string;
let local: LocalProcess;
let client: Client;
const toolServer = () => `
apiVersion: vextir.io/v1alpha1
kind: ToolServer
metadata: { name: everything }
spec:
  url: ${server.url}
  allowedHosts: ["127.0.0.1:${server.port}"]
  credential: { secretRef: { name: everything } }
`;

beforeAll(async () => {
  await mock.start();
  server = await Everything.start();
  local = await LocalProcess.create({
    "gateway.yaml": GATEWAY,
    "everything.yaml": toolServer(),
    "secret.yaml": SECRET,
    "chat.yaml": agent(),
  });
  local.up();
  const rows = await local.ready(...OTHERS, "everything");
  url = rows.find(({ name }) => name === "gateway")?.urls[0] ?? "";
  client = new Client({ name: "test", version: "1" });
  const requestInit = { headers: { "x-api-key": KEY } };
  await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit }));
}, 120_000);
afterAll(async () => {
  await client?.close();
  await local?.dispose();
  await server?.kill();
  await mock.stop();
});

test("a client outside is shown the tools of both drivers that it is granted, and calls them", async () => {
  const names = await eventually(async () => {
    const { tools } = await client.listTools();
    return tools.length === 5 && tools.map(({ name }) => name);
  });
  expect(names).toEqual([
    "everything_echo",
    "everything_get-sum",
    ...["toolbox_convert", "toolbox_text", "toolbox_time"],
  ]);
  const sum = await client.callTool({ name: "everything_get-sum", arguments: { a: 20, b: 22 } });
  expect(sum.content).toEqual([{ type: "text", text: expect.stringContaining("42") }]);
  const time = await client.callTool({ name: "toolbox_time", arguments: { zone: "Asia/Tokyo" } });
  expect(time.isError ?? false).toBe(false);
  const wrong = await client.callTool({ name: "everything_get-sum", arguments: { a: "x" } });
  expect(wrong).toMatchObject({ isError: true, content: [{ text: expect.stringMatching(/^CallFailed: /) }] });
});

test("a person is shown the tools, and tries one", async () => {
  const { stdout } = await local.run("tools", "list");
  expect(stdout).toMatch(/^everything\.get-sum +\S/m);
  expect(stdout).toMatch(/^toolbox\.time +\S/m);
  const called = await local.run("tools", "call", "everything.get-sum", '{"a": 20, "b": 22}');
  expect(called.stdout).toMatch(/42/);
  const json = await local.run("tools", "call", "toolbox.text", '{"text": "two words"}');
  expect(JSON.parse(json.stdout)).toMatchObject({ words: 2 });
  const { tools, silent } = JSON.parse(
    (await local.run("tools", "list", "--driver", "toolbox", "-o", "json")).stdout,
  );
  expect(tools).toHaveLength(3);
  expect(tools[2]).toMatchObject({ driver: "toolbox", method: "time", input: { type: "object" } });
  expect(silent).toEqual([]);
  const refusals = [
    {
      args: ["everything.get-sum", '{"a": "x"}'],
      told: /^vextir: everything\.get-sum: [\s\S]*\(CallFailed\)$/m,
    },
    { args: ["toolbox.none", "{}"], told: /\(NotFound\)/ },
    { args: ["toolbox._about"], told: /"_about" of driver "toolbox" is no tool/ },
    { args: ["nobody.none"], told: /there is no Driver nobody/ },
    { args: ["toolbox"], told: /is no tool: write <driver>\.<tool>/ },
    { args: ["toolbox.text", "{"], told: /the input is no JSON/ },
  ];
  for (const { args, told } of refusals)
    await expect(local.run("tools", "call", ...args)).rejects.toMatchObject({
      ...{ code: 1, stderr: expect.stringMatching(told) },
    });
});

test("an agent calls one in answering", async () => {
  const match = { userMessage: "What is 20 and 22?" };
  const call = { name: "everything_get-sum", arguments: '{"a": 20, "b": 22}' };
  mock.on({ ...match, hasToolResult: false }, { toolCalls: [call] });
  mock.on({ ...match, hasToolResult: true }, { content: "It is 42." });
  const answer = await fetch(`${url}/api/events`, {
    method: "POST",
    headers: { "content-type": "application/cloudevents+json", "x-api-key": KEY, prefer: "wait=30" },
    body: JSON.stringify({
      ...{ specversion: "1.0", id: crypto.randomUUID(), source: "/t", type: "chat.message.received" },
      data: { text: "What is 20 and 22?" },
    }),
  });
  const { events } = (await answer.json()) as { events: { data: unknown }[] };
  expect(events[0]?.data).toMatchObject({
    text: "It is 42.",
    tools: [{ name: "everything.get-sum", ok: true }],
  });
  const told = JSON.stringify(mock.getRequests().at(-1)?.body);
  expect(told).toContain("The sum of 20 and 22 is 42");
});

test("the driver that stands for a server goes with it, and comes with it", async () => {
  await local.remove("everything.yaml");
  await local.ready(...OTHERS);
  await local.write("everything.yaml", toolServer());
  await local.ready(...OTHERS, "everything");
});

test("it is the same driver after a restart", async () => {
  await local.end("SIGTERM");
  local.up();
  const [row] = (await local.ready(...OTHERS, "everything")).filter(({ name }) => name === "everything");
  expect(row).toMatchObject({ class: "Tool", ready: "True" });
});
