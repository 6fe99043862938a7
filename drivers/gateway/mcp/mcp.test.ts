import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";
import { type CallOptions, DriverError, type Tool } from "@vextir/driver-runtime";
import { TestServer } from "../testing/test-server.ts";

const KEYS = { ada: "k".repeat(64), bob: "b".repeat(64) };
const key = (name: keyof typeof KEYS, tools: string[]) => ({
  name,
  sha256: createHash("sha256").update(KEYS[name]).digest("hex"),
  expires: "2100-01-01T00:00:00Z",
  user: name,
  grants: [{ tools }],
});

const asked: { input: unknown; options: CallOptions | undefined }[] = [];
const tool = (name: string, answer: unknown, input?: Tool["input"]): Tool => ({
  ...{ name, description: `It is ${name}.` },
  ...(input && { input }),
  call: async (given, options) => {
    asked.push({ input: given, options });
    if (answer instanceof Error) throw answer;
    return answer;
  },
});
const ANY = { type: "object", properties: { n: { type: "number" } } };
const TOOLS = [
  tool("@other.maths.add", 3),
  tool("maths.add", { sum: 3 }, ANY),
  tool("maths.half", new DriverError("InvalidInput", "n must be even"), ANY),
  tool("maths.pictures", { content: [{ type: "image", data: "AAAA", mimeType: "image/png" }] }),
  tool("maths.broken", new TypeError("an inner secret")),
  tool("texts.upper", "ADA", { type: "string" }),
];

let server: TestServer;
let clients: Client[] = [];
async function start(config: ConstructorParameters<typeof TestServer>[0] = {}) {
  server = new TestServer({
    auth: { apiKeys: [key("ada", ["*.*", "@other.*.*"]), key("bob", ["texts.*"])] },
    ...config,
  });
  server.bus.tools = TOOLS;
  const address = await server.server.listen({ port: 0, host: "127.0.0.1" });
  return async (name: keyof typeof KEYS) => {
    const client = new Client({ name: "test", version: "1" });
    clients.push(client);
    const requestInit = { headers: { "x-api-key": KEYS[name] } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${address}/mcp`), { requestInit }));
    return client;
  };
}
afterEach(async () => {
  for (const client of clients) await client.close();
  clients = [];
  asked.length = 0;
  await server.server.close();
});

const call = async (client: Client, name: string, args: Record<string, unknown> = {}) =>
  (await client.callTool({ name, arguments: args })) as CallToolResult;

describe("the SDK's client", () => {
  test("is shown the tools that its grants name, and no other", async () => {
    const connect = await start();
    const names = async (name: keyof typeof KEYS) =>
      (await (await connect(name)).listTools()).tools.map((shown) => shown.name);
    expect(await names("bob")).toEqual(["texts_upper"]);
    expect(await names("ada")).toEqual([
      "_other_maths_add",
      "maths_add",
      "maths_half",
      "maths_pictures",
      "maths_broken",
      "texts_upper",
    ]);
  });

  test("calls one for the user who asks, with an answer as data and as text", async () => {
    const ada = await (await start())("ada");
    const answer = await call(ada, "maths_add", { n: 1 });
    expect(answer).toMatchObject({
      content: [{ type: "text", text: '{"sum":3}' }],
      structuredContent: { sum: 3 },
    });
    expect(asked[0]).toMatchObject({
      input: { n: 1 },
      options: { timeoutMs: 60_000, cause: { userId: "ada" } },
    });
    expect(server.toolCalls).toEqual(["Succeeded"]);
  });

  test("gives a tool whose input is no object that input by a member of its name", async () => {
    const bob = await (await start())("bob");
    const [shown] = (await bob.listTools()).tools;
    expect(shown?.inputSchema).toMatchObject({ type: "object", properties: { input: { type: "string" } } });
    expect((await call(bob, "texts_upper", { input: "ada" })).content).toEqual([
      { type: "text", text: "ADA" },
    ]);
    expect(asked[0]?.input).toBe("ada");
  });

  test("is given pictures as such", async () => {
    const ada = await (await start())("ada");
    expect((await call(ada, "maths_pictures")).content).toMatchObject([
      { type: "image", mimeType: "image/png" },
    ]);
  });

  const refusals: { reason: string; who: keyof typeof KEYS; name: string; told: RegExp; outcome: string }[] =
    [
      {
        reason: "what the tool refuses",
        who: "ada",
        name: "maths_half",
        told: /InvalidInput: n must be even/,
        outcome: "InvalidInput",
      },
      {
        reason: "a fault, without its words",
        who: "ada",
        name: "maths_broken",
        told: /^the gateway failed/,
        outcome: "Internal",
      },
    ];
  test.each(refusals)("is told $reason", async ({ who, name, told, outcome }) => {
    const client = await (await start())(who);
    const answer = await call(client, name);
    expect(answer.isError).toBe(true);
    expect((answer.content[0] as { text: string }).text).toMatch(told);
    expect(server.toolCalls).toEqual([outcome]);
  });

  test("can't tell a tool that it may not call from one that there is not", async () => {
    const bob = await (await start())("bob");
    for (const name of ["maths_add", "no_such"])
      await expect(call(bob, name)).rejects.toThrow(`there is no tool "${name}"`);
    expect(asked).toEqual([]);
    expect(server.toolCalls).toEqual(["Unknown", "Unknown"]);
    expect(server.lines.slice(-2)).toMatchObject([
      { who: expect.anything(), tool: "maths_add" },
      { tool: "no_such" },
    ]);
  });

  test("that shows no proof is not let in", async () => {
    await start();
    const { port } = server.server.addresses()[0] as { port: number };
    const client = new Client({ name: "test", version: "1" });
    const transport = new StreamableHTTPClientTransport(new URL(`http://127.0.0.1:${port}/mcp`));
    await expect(client.connect(transport)).rejects.toThrow(/401|Unauthorized/i);
  });
});

test("a client that goes away ends the call", async () => {
  const ada = await (await start())("ada");
  const began = Promise.withResolvers<AbortSignal | undefined>();
  server.bus.tools = [
    {
      name: "slow.one",
      description: "Takes its time.",
      call: (_input, options) => {
        began.resolve(options?.signal);
        return new Promise((_resolve, reject) =>
          options?.signal?.addEventListener("abort", () => reject(options.signal?.reason)),
        );
      },
    },
  ];
  const asking = call(ada, "slow_one").catch(() => "gone");
  const signal = await began.promise;
  const aborted = new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve()));
  await ada.close();
  await aborted;
  expect(await asking).toBe("gone");
  expect(server.failures).toEqual([]);
});
