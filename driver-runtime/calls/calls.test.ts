import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { headers } from "@nats-io/nats-core";
import { CALL_HEADERS } from "@vextir/api";
import { z } from "zod";
import { type CallContext, type Driver, defineDriver } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit;
const aborted = Promise.withResolvers<string>();
const gate = Promise.withResolvers<void>();

const source = defineDriver({
  name: "toolbox",
  version: "1.0.0",
  class: "Tool",
  capabilities: { call: ["peer.*"], publish: ["tool.*"] },
  methods: {
    echo: { handle: (input: unknown) => input },
    nothing: { handle: () => undefined },
    lineage: {
      handle: (_input, { caller, correlationId, id, userId, hops, partitionKey }: CallContext) => ({
        caller,
        correlationId,
        id,
        userId,
        hops,
        partitionKey,
      }),
    },
    throws: {
      handle: () => {
        throw new Error("no: näh\nsecond line");
      },
    },
    wrongAnswer: { output: z.number(), handle: () => "text" },
    huge: { handle: () => "x".repeat(9_000_000) },
    cyclic: {
      handle: () => {
        const value: Record<string, unknown> = {};
        value["self"] = value;
        return value;
      },
    },
    slow: {
      handle: (_input, { signal }: CallContext) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            aborted.resolve(String(signal.reason));
            resolve(undefined);
          });
        }),
    },
    wait: { handle: () => gate.promise },
    relay: { handle: (input: unknown, { call }: CallContext) => call("peer.relay", input) },
    left: { handle: (_input, { deadline }: CallContext) => deadline - Date.now() },
    publishes: { handle: (_input, { publish }: CallContext) => publish("tool.used", {}) },
  },
  tools: {
    add: {
      description: "Adds",
      input: z.object({ a: z.number(), b: z.number().default(1) }),
      handle: ({ a, b }) => a + b,
    },
  },
});

beforeAll(async () => {
  kit = await testKit(source);
});
afterAll(() => kit.stop());

describe("a call is answered", () => {
  const cases: { reason: string; method: string; input: unknown; answer: unknown }[] = [
    {
      reason: "with what the method returns",
      method: "echo",
      input: { a: [1, "ü", null] },
      answer: { a: [1, "ü", null] },
    },
    { reason: "with nothing for nothing", method: "nothing", input: undefined, answer: undefined },
    { reason: "with null for null", method: "echo", input: null, answer: null },
    { reason: "after the input was parsed", method: "add", input: { a: 2 }, answer: 3 },
  ];
  test.each(cases)("$reason", async ({ method, input, answer }) => {
    expect(await kit.call(method, input)).toEqual(answer);
  });

  test("and its lineage goes on", async () => {
    const cause = { id: "e1", correlationId: "root", userId: "ann", hops: 3, partitionKey: "k ü" };
    expect(await kit.call("lineage", {}, { cause })).toEqual({ caller: "test-kit", ...cause });
    await kit.call("publishes", {}, { cause });
    const [event] = await kit.events("tool.used");
    expect(event).toMatchObject({
      causationId: "e1",
      correlationId: "root",
      userId: "ann",
      hops: 4,
      partitionKey: "k ü",
    });
  });

  test("a nested call has no more time than the one that it serves", async () => {
    kit.answer("peer.relay", (_input, { deadline }) => deadline - Date.now());
    const leftMs = await kit.call<number>("relay", {}, { timeoutMs: 2_000 });
    expect(leftMs).toBeGreaterThan(1_000);
    expect(leftMs).toBeLessThanOrEqual(2_000);
  });
});

describe("an error comes back with its code and message", () => {
  const cases = [
    {
      reason: "unknown method",
      method: "nope",
      input: 1,
      code: "NotFound",
      says: /no method "nope"; it has add, cyclic, echo/,
    },
    { reason: "input", method: "add", input: { a: "x" }, code: "InvalidInput", says: /a/ },
    { reason: "output", method: "wrongAnswer", input: 1, code: "InvalidOutput", says: /number/ },
    {
      reason: "the method threw",
      method: "throws",
      input: 1,
      code: "CallFailed",
      says: /no: näh\nsecond line/,
    },
    { reason: "an answer over the bus's limit", method: "huge", input: 1, code: "TooLarge", says: /bytes/ },
    { reason: "an answer that is no JSON", method: "cyclic", input: 1, code: "InvalidOutput", says: /JSON/ },
    {
      reason: "an input over the bus's limit",
      method: "echo",
      input: "x".repeat(9_000_000),
      code: "TooLarge",
      says: /bytes/,
    },
    {
      reason: "an input that is no JSON",
      method: "echo",
      input: () => 1,
      code: "InvalidInput",
      says: /JSON/,
    },
  ];
  test.each(cases)("$reason: $code", async ({ method, input, code, says }) => {
    await expect(kit.call(method, input)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
    });
  });

  test("the caller's own check of the answer", async () => {
    await expect(kit.call("echo", 1, { output: z.string() })).rejects.toMatchObject({
      code: "InvalidOutput",
    });
  });

  test("the answer that comes too late, and the method is told", async () => {
    await expect(kit.call("slow", 1, { timeoutMs: 200 })).rejects.toMatchObject({ code: "Timeout" });
    expect(await aborted.promise).toContain("200 ms");
  });

  test("a caller that gives up", async () => {
    const controller = new AbortController();
    const call = kit.call("wait", 1, { signal: controller.signal });
    controller.abort(new Error("changed my mind"));
    await expect(call).rejects.toThrow("changed my mind");
    gate.resolve();
  });

  test("an input that is no JSON from a foreign client", async () => {
    const set = headers();
    set.append(CALL_HEADERS.timeoutMs, "1000");
    const answer = await kit.connection.request("call.toolbox.echo.x", "{", { timeout: 1_000, headers: set });
    expect(answer.headers?.get("Vextir-Error-Code")).toBe("InvalidInput");
  });
});

describe("the driver as caller", () => {
  const driver = () => kit.driver as Driver;
  test("is refused what it was not granted, and told what would grant it", async () => {
    await expect(driver().call("bank.pay", 1)).rejects.toMatchObject({
      code: "NotGranted",
      message: expect.stringContaining('spec.capabilities.call: ["bank.pay"]'),
    });
  });
  test.each(["", "peer", "peer.a.b", "peer.*", "*.x", "Peer.x"])(
    "says that %j names no method",
    async (method) => {
      await expect(driver().call(method)).rejects.toMatchObject({ code: "InvalidInput" });
    },
  );
  test("is told that nobody is there", async () => {
    await expect(driver().call("peer.absent", 1, { timeoutMs: 300 })).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining('"peer.absent"'),
    });
  });
  test("waits for one that is starting", async () => {
    const call = driver().call("peer.late", 1);
    setTimeout(() => kit.answer("peer.late", () => "here"), 100);
    expect(await call).toBe("here");
  });
  test("reaches its own methods without a grant", async () => {
    expect(await driver().call("toolbox.add", { a: 1 })).toBe(2);
  });
});

test("calls are spread over replicas, and a replica that stops loses none", async () => {
  const replica = await kit.replica();
  const before = await kit.metrics();
  const calls = Array.from({ length: 200 }, (_, i) => kit.call("echo", i));
  const stopping = replica.stop(5_000);
  expect(await Promise.all(calls)).toEqual(Array.from({ length: 200 }, (_, i) => i));
  await stopping;
  expect(await Promise.all(Array.from({ length: 20 }, (_, i) => kit.call("echo", i)))).toHaveLength(20);
  expect(await kit.metrics()).not.toBe(before);
});

test("more calls than are taken are refused, the others answered", async () => {
  const open = Promise.withResolvers<string>();
  const busy = await testKit(
    defineDriver({
      name: "busy",
      version: "1",
      class: "Tool",
      methods: { wait: { handle: () => open.promise } },
    }),
  );
  try {
    const calls = Array.from({ length: 300 }, () =>
      busy.call("wait").catch((error: { code: string }) => error.code),
    );
    await expect(busy.call("wait")).rejects.toMatchObject({ code: "Overloaded" });
    open.resolve("done");
    const answers = await Promise.all(calls);
    expect(answers.filter((answer) => answer === "done")).toHaveLength(256);
    expect(answers.filter((answer) => answer === "Overloaded")).toHaveLength(44);
  } finally {
    await busy.stop();
  }
});
