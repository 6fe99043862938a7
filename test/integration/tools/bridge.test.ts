import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import {
  CALL_HEADERS,
  METHODS,
  type Method,
  subjects,
  TOOL_SERVER_METHOD,
  type ToolServerReport,
} from "@vextir/api";
import { headers } from "@vextir/driver-runtime";
import { type TestKit, testKit } from "@vextir/driver-runtime/testing";
import ToolBridge from "@vextir/driver-tool-bridge";
import { eventually } from "../../fixtures/eventually.ts";
import { Everything } from "../../fixtures/everything.ts";
import { answer, HostileServer } from "./hostile-server.ts";

const report = (kit: TestKit) => kit.call<ToolServerReport>(TOOL_SERVER_METHOD);
const reachable = (kit: TestKit) =>
  eventually(async () => {
    const found = await report(kit);
    return found.state === "Reachable" && found;
  });

/** As callers are told of the tools. */
async function described(kit: TestKit): Promise<Method[]> {
  const set = headers();
  set.set(CALL_HEADERS.describe, "true");
  const asked = await kit.connection.request(subjects.call(kit.file.name, METHODS, "test"), "", {
    timeout: 10_000,
    headers: set,
  });
  return asked.json<Method[]>().filter(({ description }) => description !== undefined);
}

describe("the MCP project's own server", () => {
  let server: Everything;
  let kit: TestKit;
  beforeAll(async () => {
    server = await Everything.start();
    kit = await testKit(ToolBridge, { config: { url: server.url } });
    await reachable(kit);
  }, 60_000);
  afterAll(async () => {
    await kit?.stop();
    await server?.kill();
  });

  test("has its tools described as the driver's", async () => {
    const tools = await described(kit);
    expect(tools.find(({ name }) => name === "get-sum")).toMatchObject({
      description: expect.any(String),
      input: { type: "object", properties: { a: { type: "number" } } },
    });
    expect((await report(kit)).tools).toEqual(tools.map(({ name }) => name));
  });

  test("answers calls: text as text, data as data, anything else as its content", async () => {
    expect(await kit.call("echo", { message: "hi" })).toBe("Echo: hi");
    expect(await kit.call("get-sum", { a: 1, b: 2 })).toMatch(/3/);
    expect(await kit.call("get-structured-content", { location: "Chicago" })).toMatchObject({
      temperature: expect.any(Number),
    });
    expect(await kit.call("get-tiny-image")).toMatchObject({
      content: expect.arrayContaining([expect.objectContaining({ type: "image", mimeType: "image/png" })]),
    });
  });

  test("says what is wrong with an input", async () => {
    await expect(kit.call("get-sum", { a: "one" })).rejects.toMatchObject({
      code: "CallFailed",
      message: expect.stringMatching(/expected number/i),
    });
  });

  test("is gone: a clear error; back again: it is used again, without a new pod", async () => {
    await server.kill();
    await expect(kit.call("echo", { message: "hi" })).rejects.toMatchObject({
      code: "CallFailed",
      message: expect.stringMatching(/Unavailable: the server can't be reached/),
    });
    await eventually(async () => (await report(kit)).state === "Unreachable");
    expect((await described(kit)).map(({ name }) => name)).toContain("echo");
    await server.run();
    await reachable(kit);
    expect(await kit.call("echo", { message: "again" })).toBe("Echo: again");
    expect((await report(kit)).lastError?.message).toMatch(/can't be reached/);
  });

  test("has forgotten its sessions: a call begins another one", async () => {
    await kit.call("echo", { message: "hi" });
    await server.kill();
    await server.run();
    expect(await kit.call("echo", { message: "new" })).toBe("Echo: new");
  });
});

describe("a server that is hostile or broken", () => {
  let server: HostileServer;
  let kit: TestKit | undefined;
  const start = async (config: Record<string, unknown> = {}, more = {}) => {
    server ??= await HostileServer.start();
    kit = await testKit(ToolBridge, { config: { url: server.url, ...config }, ...more });
    return kit;
  };
  afterEach(async () => {
    await kit?.stop();
    await server?.stop();
    kit = undefined;
    server = undefined as never;
  });

  const flood = (response: ServerResponse, type: string) => {
    response.writeHead(200, { "content-type": type });
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(65_536)));
    };
    response.on("drain", more);
    more();
  };
  const table: {
    reason: string;
    behave: Parameters<HostileServer["behave"]["set"]>[1];
    told: RegExp;
    config?: object;
  }[] = [
    {
      reason: "an answer without end",
      behave: (_message, response) => flood(response, "application/json"),
      told: /TooLarge: the server's answer has more than 65536 bytes/,
    },
    {
      reason: "a stream without end",
      behave: (_message, response) => flood(response, "text/event-stream"),
      told: /TooLarge: the server's answer has more than 65536 bytes/,
    },
    {
      reason: "no answer at all",
      behave: () => {},
      told: /Timeout: the server did not answer in time/,
      config: { timeoutSeconds: 1 },
    },
    {
      reason: "what is no JSON",
      behave: (_message, response) =>
        response.writeHead(200, { "content-type": "application/json" }).end("<html>"),
      told: /InvalidOutput: the server's answer is not what MCP says/,
    },
    {
      reason: "what is no JSON, in a stream",
      behave: (_message, response) =>
        response.writeHead(200, { "content-type": "text/event-stream" }).end("data: {\n\n"),
      told: /InvalidOutput: the server's answer is not what MCP says/,
    },
    {
      reason: "a result of another kind",
      behave: ({ id }, response) => answer(response, { jsonrpc: "2.0", id, result: { content: "no" } }),
      told: /InvalidOutput/,
    },
    {
      reason: "a page",
      behave: (_message, response) => response.writeHead(200, { "content-type": "text/html" }).end("hi"),
      told: /InvalidOutput: .*content type/,
    },
    {
      reason: "a fault",
      behave: (_message, response) => response.writeHead(500).end("a trace of \u001b[31mit"),
      told: /Unavailable: HTTP 500/,
    },
    {
      reason: "a refusal",
      behave: (_message, response) => response.writeHead(401).end(),
      told: /Unavailable: the server refuses the credential \(HTTP 401\)/,
    },
    {
      reason: "an error of the protocol",
      behave: ({ id }, response) =>
        answer(response, { jsonrpc: "2.0", id, error: { code: -32_602, message: "n must be a number" } }),
      told: /InvalidInput: .*n must be a number/,
    },
    {
      reason: "a way to elsewhere",
      behave: (_message, response) =>
        response.writeHead(307, { location: "http://169.254.169.254/latest/meta-data" }).end(),
      told: /HTTP 307/,
    },
    {
      reason: "a connection that breaks",
      behave: (_message, response) => response.destroy(),
      told: /Unavailable: the server can't be reached/,
    },
  ];
  test.each(table)(
    "$reason is an error that says so, and the next call is well",
    async ({ behave, told, config }) => {
      const running = await start({ maxAnswerBytes: 65_536, ...config });
      await reachable(running);
      server.behave.set("tools/call", behave);
      await expect(running.call("echo", { n: 1 })).rejects.toMatchObject({
        code: "CallFailed",
        message: expect.stringMatching(told),
      });
      server.behave.clear();
      expect(await eventually(() => running.call("echo", { n: 2 }))).toBe('{"n":2}');
    },
  );

  test("its credential is read anew for each request, and is told to nobody else", async () => {
    const secretsDir = await mkdtemp(join(tmpdir(), "vextir-bridge-"));
    await writeFile(join(secretsDir, "credential"), "first-token\n");
    const running = await start({ credential: "first-token" }, { secretsDir });
    await reachable(running);
    await running.call("echo");
    expect(server.proofs.at(-1)).toBe("Bearer first-token");
    await writeFile(join(secretsDir, "credential"), "second-token\n");
    await running.call("echo");
    expect(server.proofs.at(-1)).toBe("Bearer second-token");
    server.behave.set("tools/call", (_message, response, { headers }) =>
      response.writeHead(500).end(`no good: ${headers.authorization}`),
    );
    await expect(running.call("echo")).rejects.toMatchObject({
      message: expect.stringMatching(/no good: Bearer …/),
    });
    await rm(secretsDir, { recursive: true });
  });

  test("what it offers changes, and is offered anew", async () => {
    const running = await start();
    await reachable(running);
    server.tools = [{ name: "other", inputSchema: { type: "object" } }];
    server.behave.set("tools/call", ({ id }, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const send = (message: object) => response.write(`data: ${JSON.stringify(message)}\n\n`);
      send({ jsonrpc: "2.0", method: "notifications/tools/list_changed" });
      send({ jsonrpc: "2.0", id, result: { content: [] } });
      response.end();
    });
    await running.call("echo");
    await eventually(async () => (await described(running)).map(({ name }) => name).join() === "other");
    await expect(running.call("echo")).rejects.toMatchObject({ code: "NotFound" });
  });

  test("of names that are no methods, of twins and of giants it offers what can be told", async () => {
    server = await HostileServer.start();
    const schema = { type: "object" };
    server.tools = [
      ...["a.b", "a/b", "a_b", "_about", "x".repeat(120)].map((name) => ({ name, inputSchema: schema })),
      { name: "huge", inputSchema: { type: "object", description: "d".repeat(40_000) } },
      { name: "long", description: "d".repeat(10_000), inputSchema: schema },
      ...Array.from({ length: 300 }, (_, i) => ({ name: `t${i}`, inputSchema: schema })),
    ];
    const running = await start();
    const { tools, leftOut } = await reachable(running);
    expect(tools).toHaveLength(200);
    expect(tools).toEqual(expect.arrayContaining(["a_b", "about", "long"]));
    expect(tools.filter((name) => name.startsWith("a_b_"))).toHaveLength(2);
    expect(leftOut[0]).toMatch(/^huge \(its schema has more than/);
    const long = (await described(running)).find(({ name }) => name === "long");
    expect(long?.description).toHaveLength(4_000);
    expect(await running.call(tools.find((name) => name.startsWith("xxx")) ?? "", { n: 1 })).toBe('{"n":1}');
  });

  test("that sends pages without end is asked for so many", async () => {
    server = await HostileServer.start();
    server.behave.set("tools/list", ({ id }, response) =>
      answer(response, { jsonrpc: "2.0", id, result: { tools: [], nextCursor: "more" } }),
    );
    const running = await start();
    expect((await reachable(running)).leftOut).toEqual(["those beyond the first pages of the list"]);
    expect(server.asked.get("tools/list")).toBe(50);
  });

  test("only the chosen tools are offered, and those that there are not are told of", async () => {
    server = await HostileServer.start();
    server.tools = ["one", "two"].map((name) => ({ name, inputSchema: { type: "object" } }));
    const found = await reachable(await start({ tools: ["two", "three"] }));
    expect(found).toMatchObject({ tools: ["two"], leftOut: ["three (there is none)"] });
  });

  test("that is away from the start keeps no pod from being ready", async () => {
    server = await HostileServer.start();
    server.behave.set("initialize", (_message, response) => response.destroy());
    const running = await start();
    expect(await report(running)).toMatchObject({ state: "Unreachable", tools: [] });
    server.behave.clear();
    expect(await reachable(running)).toMatchObject({ tools: ["echo"], server: { name: "by hand" } });
  });
});
