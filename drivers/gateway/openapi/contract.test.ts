import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, test } from "@jest/globals";
import { Validator } from "@seriousme/openapi-schema-validator";
import { DriverError, type Publish } from "@vextir/driver-runtime";
import type { InjectOptions } from "fastify";
import { Contract, documented } from "../testing/contract.ts";
import { recorded } from "../testing/recorded.ts";
import { TestBus, TestServer } from "../testing/test-server.ts";
import { PUSHES, SECRETS, signed } from "../testing/webhooks.ts";
import { openApi, openApiText } from "./document.ts";

const contract = new Contract();
let open: TestServer[] = [];
const start = (...parts: ConstructorParameters<typeof TestServer>) => {
  const made = new TestServer(...parts);
  open.push(made);
  return made;
};
afterEach(async () => {
  for (const { server } of open) await server.close();
  open = [];
});

const event = { specversion: "1.0", id: "1", source: "/s", type: "a.b", data: { n: 1 } };
const put = (payload: unknown, headers: Record<string, string> = {}) => ({
  method: "POST" as const,
  headers: { "content-type": "application/cloudevents+json", ...headers },
  payload: JSON.stringify(payload),
});
const OLDER = "application/vnd.vextir.event+json";
const batch = (payload: unknown) => put(payload, { "content-type": "application/cloudevents-batch+json" });
const nobody = { auth: {} };
const seldom = { rateLimit: { address: { perSecond: 1, burst: 1 } } };

test("what is checked in is what the code says, and valid OpenAPI 3.1", async () => {
  expect(readFileSync(join(import.meta.dirname, "..", "openapi.json"), "utf8")).toBe(openApiText());
  const validator = new Validator();
  expect(await validator.validate(openApi())).toEqual({ valid: true });
  expect(validator.version).toBe("3.1");
});

const PUTTING = ["/api/events", "/api/PutEvent", "/api/UniversalEventProcessor"];
test.each(PUTTING)("POST %s", async (path) => {
  const { server, bus, waits } = start();
  const ask = (options: ReturnType<typeof put>, from = server) => contract.ask(from, path, options);
  await ask(put(event));
  await ask(batch([event]));
  bus.onStored = () => setImmediate(() => waits.endAll());
  await ask(put({ ...event, id: "2" }, { prefer: "wait=5" }));
  await ask(put({ ...event, id: "2" }, { prefer: "wait=5", accept: OLDER }));
  await ask(put({ ...event, id: "" }));
  await ask(batch([{ ...event, id: "" }]));
  await ask(put(event), start(nobody).server);
  await ask(put(event), start({ auth: { anonymous: { publish: ["b.>"] } } }).server);
  await ask(put("x".repeat(2_000_000)));
  await ask(put(event, { "content-type": "application/cloudevents+xml" }));
  bus.fault = () => Promise.reject(new DriverError("Unavailable", "away"));
  await ask(put({ ...event, id: "3" }));
  await ask(batch([{ ...event, id: "3" }]));
  bus.fault = () => Promise.reject(new TypeError("a fault"));
  await ask(put({ ...event, id: "4" }));
  const rare = start(seldom).server;
  await ask(put(event), rare);
  await ask(put(event), rare);
  const some = new TestBus();
  const publish: Publish = (type, data, options) =>
    options?.id === "2"
      ? Promise.reject(new DriverError("Unavailable", "away"))
      : bus.publish(type, data, options);
  bus.fault = undefined;
  await ask(batch([event, { ...event, id: "2" }]), start({}, Object.assign(some, { publish })).server);
});

test("GET /api/stream", async () => {
  const path = "/api/stream";
  const { server, streams } = start({ maxStreams: 1 });
  const address = await server.listen({ port: 0, host: "127.0.0.1" });
  const response = await fetch(address + path);
  contract.check(`GET ${path} ${response.status}`, Object.fromEntries(response.headers));
  await contract.ask(server, path, {});
  streams.endAll("Closing");
  await contract.ask(server, path, { query: { types: "a b" } });
  await contract.ask(start(nobody).server, path, {});
  await contract.ask(start({ auth: { anonymous: { publish: [">"] } } }).server, path, {});
  const rare = start({ ...seldom, maxStreams: 0 }).server;
  await rare.inject({ url: "/openapi.json" });
  await contract.ask(rare, path, {});
});

describe("the history", () => {
  const graph = { events: [{ ...recorded("1"), handlings: [] }], edges: [], focus: 0, truncated: false };
  const found = { event: recorded("1"), handlings: [{ driver: "x", attempt: 1 }], others: 0 };
  test.each([
    { path: "/api/events", answer: { events: [recorded("1")], cursor: "s1" }, lost: false },
    { path: "/api/events/{id}", answer: found, lost: true },
    { path: "/api/events/{id}/lineage", answer: graph, lost: true },
  ])("GET $path", async ({ path, answer, lost }) => {
    const { server, bus } = start();
    const ask = (options: InjectOptions = {}, from = server) => contract.ask(from, path, options);
    await ask();
    bus.answer = () => answer;
    await ask();
    for (const accept of [OLDER, "application/cloudevents+json", "application/cloudevents-batch+json"])
      await ask({ headers: { accept } });
    await ask({ query: { no: "such" } });
    bus.answer = () => ({});
    await ask();
    bus.answer = () => {
      throw new DriverError("NotFound", "no such event");
    };
    if (lost) await ask();
    await ask({}, start(nobody).server);
    await ask({}, start({ auth: { anonymous: { publish: [">"] } } }).server);
    const rare = start(seldom).server;
    await rare.inject({ url: "/openapi.json" });
    await ask({}, rare);
  });
});

const repo = { method: "POST" as const, payload: JSON.stringify({ url: "https://example.org/a/b.git" }) };
test.each(["/api/repos", "/api/RegisterRepo"])("POST %s", async (path) => {
  const { server, bus } = start();
  const ask = (options = {}, from = server) => contract.ask(from, path, { ...repo, ...options });
  await ask();
  await ask({ payload: "{}" });
  await ask({ payload: " ".repeat(2_000_000) });
  await ask({}, start(nobody).server);
  await ask({}, start({ auth: { anonymous: { publish: ["a.>"] } } }).server);
  bus.fault = () => Promise.reject(new DriverError("Unavailable", "away"));
  await ask();
  const rare = start(seldom).server;
  await rare.inject({ url: "/openapi.json" });
  await ask({}, rare);
});

test.each(["github", "gitlab", "gitea"] as const)("POST /webhooks/%s", async (provider) => {
  const path = `/webhooks/${provider}`;
  const { server, bus } = start(SECRETS);
  const ask = (payload: string, kind: string, from = server) =>
    contract.ask(from, path, { method: "POST", headers: signed(provider, kind, payload), payload });
  const push = JSON.stringify(PUSHES[provider]);
  const kind = provider === "gitlab" ? "Push Hook" : "push";
  await ask(push, kind);
  await ask("{}", "ping");
  await ask("{", kind);
  await contract.ask(server, path, { method: "POST", payload: push });
  await ask(" ".repeat(2_000_000), kind);
  bus.fault = () => Promise.reject(new DriverError("Unavailable", "away"));
  await ask(`${push} `, kind);
  bus.fault = () => Promise.reject(new DriverError("NotGranted", "not granted"));
  await ask(`${push} `, kind);
  const rare = start({ ...seldom, ...SECRETS }).server;
  await rare.inject({ url: "/openapi.json" });
  await ask(push, kind, rare);
});

test.each(["/api/health", "/api/Health"])("GET %s", async (path) => {
  const { server } = start();
  await contract.ask(server, path, {});
  const sick = start();
  sick.bus.fault = () => Promise.reject(new Error("away"));
  await contract.ask(sick.server, path, {});
  await contract.ask(start(nobody).server, path, {});
  const rare = start(seldom).server;
  await rare.inject({ url: "/openapi.json" });
  await contract.ask(rare, path, {});
});

test("POST /mcp", async () => {
  const path = "/mcp";
  const tools = { auth: { anonymous: { tools: ["*.*"] } } };
  const { server, bus } = start({ ...tools, maxRequests: 1 });
  const rpc = (payload: unknown, headers: Record<string, string> = {}, from = server) =>
    contract.ask(from, path, {
      method: "POST",
      headers: {
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
        ...headers,
      },
      payload: typeof payload === "string" ? payload : JSON.stringify(payload),
    });
  const list = { jsonrpc: "2.0", id: 1, method: "tools/list" };
  await rpc(list);
  await rpc({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "none" } });
  await rpc({ jsonrpc: "2.0", method: "notifications/initialized" });
  await rpc({});
  await rpc("{");
  await rpc([list]);
  await rpc(list, { accept: "application/json" });
  await rpc(list, { "content-type": "text/plain" });
  await rpc(list, { origin: "https://example.org" });
  await rpc(list, {}, start(nobody).server);
  await rpc(list, {}, start().server);
  await rpc(" ".repeat(2_000_000));
  const slow = Promise.withResolvers<void>();
  bus.tools = [{ name: "a.slow", description: "Takes its time.", call: () => slow.promise }];
  const first = server.inject({
    method: "POST",
    url: path,
    headers: { accept: "application/json, text/event-stream", "content-type": "application/json" },
    payload: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "a_slow" } }),
  });
  const asked = first.then(({ statusCode }) => statusCode);
  await rpc(list);
  slow.resolve();
  expect(await asked).toBe(200);
  const rare = start({ ...seldom, ...tools }).server;
  await rare.inject({ url: "/openapi.json" });
  await rpc(list, {}, rare);
});

test("GET /healthz", async () => {
  const { server, bus } = start();
  await contract.ask(server, "/healthz", {});
  bus.fault = () => Promise.reject(new Error("away"));
  await contract.ask(server, "/healthz", {});
});

test("GET /openapi.json", async () => {
  const { server } = start(seldom);
  expect((await contract.ask(server, "/openapi.json", {})).json()).toEqual(openApi());
  await contract.ask(server, "/openapi.json", {});
});

afterAll(() => {
  // Of a run of all tests of this file.
  expect(documented().filter((response) => !contract.seen.has(response))).toEqual([]);
});
