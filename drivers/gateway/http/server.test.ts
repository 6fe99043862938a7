import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "@jest/globals";
import { DriverError, type Event, type Publish } from "@vextir/driver-runtime";
import fc from "fast-check";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { Grant } from "../access/grant.ts";
import type { Config } from "../config.ts";
import { TestBus, TestServer } from "../testing/test-server.ts";

let current: TestServer;
let server: FastifyInstance | undefined;

function start(config: z.input<typeof Config> = {}, bus = new TestBus()) {
  current = new TestServer(config, bus);
  server = current.server;
  return current;
}

afterEach(() => server?.close());

const event = { specversion: "1.0", id: "1", source: "/s", type: "a.b", data: { n: 1 } };
const json = "application/cloudevents+json";
const post = (payload: unknown, headers: Record<string, string> = {}) =>
  (server as FastifyInstance).inject({
    method: "POST",
    url: "/api/events",
    headers: { "content-type": json, ...headers },
    payload: typeof payload === "string" ? payload : JSON.stringify(payload),
  });
/** Sends it until it is taken. */
async function whenAccepted(payload: unknown): Promise<void> {
  while ((await post(payload)).statusCode === 503) await new Promise(setImmediate);
}
const unavailable = () => Promise.reject(new DriverError("Unavailable", "away"));
const followUp = (correlationId: string, type: string): Event => ({
  id: `f-${type}`,
  type,
  publisher: "assistant",
  source: "/a",
  time: "2026-01-01T00:00:00Z",
  data: { ok: true },
  correlationId,
  causationId: "1",
  hops: 1,
  extensions: {},
  partition: 0,
  sequence: 0,
});

describe("POST /api/events", () => {
  test("an accepted event is answered with its id", async () => {
    const { bus } = start();
    const response = await post(event);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toEqual({ id: "1", correlationid: expect.stringMatching(/^[\w-]{43}$/) });
    expect(bus.stored).toEqual([
      { type: "a.b", data: { n: 1 }, options: expect.objectContaining({ id: "1", source: "/s" }) },
    ]);
  });

  test("(source, id) sent twice is stored once; another source is another event", async () => {
    const { bus } = start();
    const [first, second, other] = [
      await post(event),
      await post(event),
      await post({ ...event, source: "/t" }),
    ];
    expect(second.json()).toEqual({ ...first.json<object>(), duplicate: true });
    expect(other.json()).not.toHaveProperty("duplicate");
    expect(other.json().correlationid).not.toBe(first.json().correlationid);
    expect(bus.stored).toHaveLength(2);
    expect(new Set(bus.stored.map(({ options }) => options.messageId)).size).toBe(2);
  });

  test("the request's trace goes on, the event's own first", async () => {
    const { bus } = start();
    const trace = (n: number) => `00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333${n}-01`;
    await post(event, { traceparent: trace(1) });
    await post({ ...event, id: "2", traceparent: trace(2) }, { traceparent: trace(1) });
    expect(bus.stored.map(({ options }) => options.cause?.traceParent)).toEqual([trace(1), trace(2)]);
  });

  test.each([
    { reason: "bad JSON", payload: "{", status: 400, type: "InvalidBody", field: undefined },
    {
      reason: "another version",
      payload: { ...event, specversion: "0.3" },
      status: 400,
      type: "UnknownSpecVersion",
      field: "specversion",
    },
    {
      reason: "a bad attribute",
      payload: { ...event, type: "a b" },
      status: 400,
      type: "InvalidAttribute",
      field: "type",
    },
    {
      reason: "too large",
      payload: { ...event, data: "x".repeat(2_000_000) },
      status: 413,
      type: "TooLarge",
      field: undefined,
    },
    {
      reason: "another format",
      payload: "<a/>",
      headers: { "content-type": "application/cloudevents+xml" },
      status: 415,
      type: "UnsupportedMediaType",
      field: "content-type",
    },
    {
      reason: "no CloudEvent",
      payload: "{}",
      headers: { "content-type": "text/plain" },
      status: 400,
      type: "MissingAttribute",
      field: "ce-specversion",
    },
    {
      reason: "no event of the older form",
      payload: "{}",
      headers: { "content-type": "application/json" },
      status: 400,
      type: "MissingAttribute",
      field: "source",
    },
    {
      reason: "a time of the older form that is none",
      payload: { source: "x", type: "a.b", timestamp: "soon" },
      headers: { "content-type": "application/json" },
      status: 400,
      type: "InvalidAttribute",
      field: "timestamp",
    },
    {
      reason: "an until that is not shown",
      payload: event,
      headers: { prefer: 'wait=1; until="a b"' },
      status: 400,
      type: "InvalidAttribute",
      field: "prefer",
    },
  ])("refused: $reason", async ({ payload, headers = {}, status, type, field }) => {
    const { bus } = start();
    const response = await post(payload, headers as Record<string, string>);
    expect(response.headers["content-type"]).toContain("application/problem+json");
    expect(response.json()).toMatchObject({
      type: `urn:vextir:problem:${type}`,
      status,
      detail: expect.any(String),
    });
    expect([response.statusCode, response.json().field]).toEqual([status, field]);
    expect(bus.stored).toEqual([]);
  });

  test.each([
    { reason: "not granted", error: new DriverError("NotGranted", "no"), status: 403, field: "type" },
    {
      reason: "larger than the bus takes",
      error: new DriverError("TooLarge", "no"),
      status: 413,
      field: undefined,
    },
    { reason: "the bus is away", error: new DriverError("Unavailable", "no"), status: 503, field: undefined },
    { reason: "the bus is full", error: new DriverError("Overloaded", "no"), status: 503, field: undefined },
  ])("$status when $reason", async ({ error, status, field }) => {
    const { bus } = start();
    bus.fault = () => Promise.reject(error);
    const response = await post(event);
    expect([response.statusCode, response.json().field]).toEqual([status, field]);
    expect(response.headers["retry-after"]).toBe(status === 503 ? "1" : undefined);
  });

  test("a slow bus: 503 in time, and its place is given back only when the bus is done", async () => {
    const { bus } = start({ maxRequests: 1 });
    const slow = Promise.withResolvers<never>();
    bus.fault = () => slow.promise;
    const first = await post(event);
    expect([first.statusCode, first.json().type]).toEqual([503, "urn:vextir:problem:BusUnavailable"]);
    expect((await post(event)).json().type).toBe("urn:vextir:problem:Busy");
    bus.fault = undefined;
    slow.reject(new DriverError("Unavailable", "away"));
    await whenAccepted(event);
    expect(bus.stored).toHaveLength(1);
  });

  test("a fault of the gateway's own is a 500 that tells nothing, and is told to the log", async () => {
    const { bus } = start();
    bus.fault = () => Promise.reject(new TypeError("secret"));
    const response = await post(event);
    expect([response.statusCode, response.body.includes("secret"), current.failures.length]).toEqual([
      500,
      false,
      1,
    ]);
    expect(current.answered).toEqual([500]);
    expect(current.measured).toEqual([{ method: "POST", route: "/api/events", status: 500 }]);
  });

  test("a client's words are no labels of the metrics", async () => {
    start();
    await current.server.inject({ method: "DELETE", url: "/api/nothing/secret" });
    expect(current.measured).toEqual([{ method: "", route: "", status: 404 }]);
  });

  test("other methods, other paths", async () => {
    start();
    const put = await (server as FastifyInstance).inject({ method: "PUT", url: "/api/events?x" });
    expect([put.statusCode, put.headers["allow"]]).toEqual([405, "GET, POST"]);
    const lost = await (server as FastifyInstance).inject({ method: "GET", url: "/nothing" });
    expect([lost.statusCode, lost.json().status]).toEqual([404, 404]);
  });

  test("whatever is sent, the gateway answers for it", async () => {
    start();
    const headers = fc.dictionary(
      fc.constantFrom(
        "ce-id",
        "ce-type",
        "ce-source",
        "ce-specversion",
        "ce-time",
        "ce-x",
        "ce-__proto__",
        "prefer",
        "content-type",
      ),
      fc.oneof(
        fc.constantFrom(
          "1.0",
          "a.b",
          "/s",
          json,
          "application/cloudevents-batch+json",
          "application/json",
          "text/plain",
          "wait=1;until=x",
        ),
        fc.string({ unit: "grapheme-ascii" }),
      ),
    );
    const body = fc.oneof(
      fc.json(),
      fc.string(),
      fc.json().map((value) => `[${value}]`),
      fc.constant(JSON.stringify(event)),
    );
    await fc.assert(
      fc.asyncProperty(headers, body, async (extra, payload) => {
        const { prefer: _, ...rest } = extra;
        const response = await post(payload, rest);
        expect(response.statusCode).toBeLessThan(500);
      }),
      { numRuns: 300 },
    );
    expect(current.failures).toEqual([]);
  });
});

describe("the older platform's events", () => {
  const older = {
    timestamp: "2025-03-01T08:00:00.123456",
    source: "GmailConnector",
    type: "email.received",
    user_id: "ada",
    metadata: { subject: "hello", size: 1 },
    history: [],
  };
  const secret = `vxk_${"o".repeat(32)}`;
  const trusted = {
    apiKeys: [
      {
        name: "older",
        sha256: createHash("sha256").update(secret).digest("hex"),
        expires: "2100-01-01T00:00:00Z",
        grants: [{ publish: [">"], users: "Any" as const }],
      },
    ],
  };
  const send = (server: FastifyInstance, url: string, payload: object, type = "application/json") =>
    server.inject({
      method: "POST",
      url,
      headers: { "content-type": type, "x-api-key": secret },
      payload: JSON.stringify(payload),
    });

  test.each(["/api/events", "/api/PutEvent", "/api/UniversalEventProcessor"])(
    "POST %s takes them",
    async (url) => {
      const { server, bus } = start({ auth: trusted });
      const response = await send(server, url, older);
      expect([response.statusCode, response.json().id]).toEqual([202, expect.any(String)]);
      expect(bus.stored).toMatchObject([
        {
          type: "email.received",
          data: { subject: "hello", size: 1 },
          options: {
            id: response.json().id,
            source: "GmailConnector",
            time: "2025-03-01T08:00:00.123456Z",
            userId: "ada",
            // It lacks what version 1 asks for.
            dataSchema: "urn:vextir:event:email.received:0",
          },
        },
      ]);
    },
  );

  test("metadata that fits the type's schema is of its first version; an id is sent once", async () => {
    const { server, bus } = start({ auth: trusted });
    const task = { ...older, id: "t-1", type: "task.completed", user_id: null, metadata: { taskId: "1" } };
    await send(server, "/api/events", task, "application/vnd.vextir.event+json");
    const again = await send(server, "/api/PutEvent", task);
    expect(again.json()).toMatchObject({ id: "t-1", duplicate: true });
    expect(bus.stored).toHaveLength(1);
    expect(bus.stored[0]?.options).not.toHaveProperty("dataSchema");
  });
});

describe("who may send", () => {
  const key = (name: string) => `vxk_${name.repeat(32)}`;
  const apiKey = (name: string, grants: z.input<typeof Grant>[], user?: string) => ({
    name,
    sha256: createHash("sha256").update(key(name)).digest("hex"),
    expires: "2100-01-01T00:00:00Z",
    grants,
    ...(user !== undefined && { user }),
  });
  const keys = {
    apiKeys: [
      apiKey("a", [{ publish: ["a.>"], read: ["a.>"] }], "ada"),
      apiKey("b", [{ publish: ["b.>"] }], "bob"),
      apiKey("s", [{ publish: ["a.>"], users: "Any" }]),
    ],
  };
  const as = (name: string) => ({ "x-api-key": key(name) });
  const outcome = async (sent: ReturnType<typeof post>) => {
    const { statusCode, headers, json } = await sent;
    const { type, field } = json();
    return [statusCode, type?.replace("urn:vextir:problem:", ""), field, headers["www-authenticate"]];
  };

  test("nobody, unless the configuration says so", async () => {
    const { bus } = start({ auth: {} });
    expect(await outcome(post(event))).toEqual([401, "Unauthenticated", undefined, 'Bearer realm="vextir"']);
    expect(bus.stored).toEqual([]);
  });

  test("a known sender: the types of his grants, in his name", async () => {
    const { bus } = start({ auth: keys });
    expect((await post(event, as("a"))).statusCode).toBe(202);
    expect(await outcome(post(event, as("b")))).toEqual([
      403,
      "NotAllowed",
      "type",
      expect.stringMatching(/^Bearer realm="vextir", error="insufficient_scope"/),
    ]);
    expect(bus.stored.map(({ options }) => options.userId)).toEqual(["ada"]);
  });

  test("nobody can name another user, but who may speak for any", async () => {
    const { bus } = start({ auth: keys });
    const said = { ...event, userid: "bob" };
    expect((await outcome(post(said, as("a")))).slice(0, 3)).toEqual([403, "NotAllowed", "userid"]);
    expect((await post({ ...event, userid: "ada" }, as("a"))).statusCode).toBe(202);
    expect((await post(said, as("s"))).statusCode).toBe(202);
    expect((await post({ ...event, id: "2" }, as("s"))).statusCode).toBe(202);
    expect(bus.stored.map(({ options }) => options.userId)).toEqual(["ada", "bob", undefined]);
    start();
    expect((await outcome(post(said))).slice(0, 3)).toEqual([403, "NotAllowed", "userid"]);
  });

  test("another's event can't be sent first, to have the real one dropped or its answers shown", async () => {
    const { bus } = start({ auth: { ...keys, anonymous: { publish: ["a.>"] } } });
    const [stranger, real] = [await post(event), await post(event, as("a"))];
    expect([stranger.statusCode, real.statusCode, real.json().duplicate]).toEqual([202, 202, undefined]);
    expect(stranger.json().correlationid).not.toBe(real.json().correlationid);
    expect(bus.stored).toHaveLength(2);
  });

  test("a batch is sent in the name of its sender", async () => {
    const { bus } = start({ auth: keys });
    await post([event], { "content-type": "application/cloudevents-batch+json", ...as("a") });
    expect(bus.stored).toMatchObject([{ options: { userId: "ada" } }]);
  });

  test("a batch with an event that may not be sent is refused as a whole", async () => {
    const { bus } = start({ auth: keys });
    const type = { "content-type": "application/cloudevents-batch+json" };
    const mixed = [event, { ...event, id: "2", type: "b.c" }];
    const response = await post(mixed, { ...type, ...as("a") });
    expect([response.statusCode, response.json().results]).toEqual([
      403,
      [{ index: 1, problem: expect.objectContaining({ field: "type", status: 403 }) }],
    ]);
    expect(bus.stored).toEqual([]);
  });

  test("a wait shows what its sender may see", async () => {
    const { bus, waits } = start({ auth: keys, observe: ["a.>", "b.>"] });
    bus.onStored = (_type, { cause }) => {
      const correlation = String(cause?.correlationId);
      for (const seen of [
        { ...followUp(correlation, "a.other"), userId: "bob" },
        { ...followUp(correlation, "b.other"), userId: "ada" },
        { ...followUp(correlation, "a.done"), userId: "ada" },
      ])
        waits.see(seen);
    };
    const response = await post(event, { ...as("a"), prefer: "wait=5; until=a.done" });
    expect(response.json().events).toMatchObject([{ type: "a.done" }]);
    expect((await post(event, { ...as("a"), prefer: "wait=5; until=b.done" })).json().field).toBe("prefer");
    // Who may read nothing does not wait.
    expect((await post(event, { ...as("s"), prefer: "wait=5" })).statusCode).toBe(202);
  });

  test("beyond the rate: 429, when to come again, and others are served", async () => {
    const rate = { perSecond: 1, burst: 2 };
    const { bus } = start({ auth: keys, rateLimit: { principal: rate } });
    const batch = { "content-type": "application/cloudevents-batch+json", ...as("s") };
    expect((await post([event, { ...event, id: "2" }], batch)).statusCode).toBe(202);
    const response = await post({ ...event, id: "3" }, as("s"));
    expect([response.statusCode, response.json().type, response.headers["retry-after"]]).toEqual([
      429,
      "urn:vextir:problem:TooManyRequests",
      "1",
    ]);
    expect((await post(event, as("a"))).statusCode).toBe(202);
    expect(bus.stored).toHaveLength(3);
  });

  test("an address that asks too often is told so before anything is looked at; a proxy's client counts by itself", async () => {
    start({
      auth: keys,
      rateLimit: { address: { perSecond: 1, burst: 1 } },
      trustedProxies: ["127.0.0.0/8"],
    });
    const from = (address: string) => ({ ...as("a"), "x-forwarded-for": address });
    expect((await post(event, from("192.0.2.1"))).statusCode).toBe(202);
    expect((await post(event, from("192.0.2.1"))).statusCode).toBe(429);
    expect((await post(event, from("192.0.2.2"))).statusCode).toBe(202);
    expect((await post(event, { "x-api-key": "bad", "x-forwarded-for": "192.0.2.1" })).statusCode).toBe(429);
    start({ auth: keys, rateLimit: { address: { perSecond: 1, burst: 1 } } });
    expect((await post(event, from("192.0.2.1"))).statusCode).toBe(202);
    expect((await post(event, from("192.0.2.2"))).statusCode).toBe(429);
  });

  test("the log says who was refused what, bounded, and never a proof", async () => {
    start({ auth: keys });
    await post(event, as("b"));
    await post(event, { authorization: "Bearer secret.to.ken" });
    await post(event, as("a"));
    expect(current.lines).toEqual([
      {
        audit: true,
        who: "key:b",
        method: "POST",
        route: "/api/events",
        status: 403,
        address: "127.0.0.1",
      },
      expect.objectContaining({ who: null, status: 401 }),
    ]);
    expect(JSON.stringify(current.lines)).not.toMatch(/vxk_|secret/);
    for (let i = 0; i < 300; i++) await post(event, { "x-api-key": "bad" });
    expect(current.lines.length).toBeLessThan(200);
    start({ auth: keys, audit: "All" });
    await post(event, as("a"));
    expect(current.lines).toMatchObject([{ who: "key:a", status: 202 }]);
  });
});

describe("batches", () => {
  const batch = (payload: unknown) =>
    post(payload, { "content-type": "application/cloudevents-batch+json; charset=utf-8" });
  const two = [event, { ...event, id: "2" }];

  test("each event has its result", async () => {
    const { bus } = start();
    const response = await batch([...two, event]);
    expect(response.statusCode).toBe(202);
    expect(response.json()).toMatchObject({
      ids: ["1", "2", "1"],
      results: [
        { id: "1", status: 202 },
        { id: "2", status: 202 },
        { id: "1", status: 202, duplicate: true },
      ],
    });
    expect(bus.stored).toHaveLength(2);
  });

  test("data that breaks its type's schema is an invalid event", async () => {
    const { bus } = start();
    const task = { ...event, type: "task.created", data: { taskId: "1", title: 7 } };
    const response = await batch([event, task]);
    expect(response.json()).toMatchObject({
      type: "urn:vextir:problem:InvalidBatch",
      results: [
        {
          index: 1,
          problem: {
            type: "urn:vextir:problem:InvalidData",
            field: "data.title",
            schema: "urn:vextir:event:task.created:1",
          },
        },
      ],
    });
    expect(bus.stored).toEqual([]);
  });

  test("an invalid event spoils the batch: none is published", async () => {
    const { bus } = start();
    const response = await batch([event, { ...event, specversion: "9" }, 7]);
    expect([response.statusCode, response.json().type]).toEqual([400, "urn:vextir:problem:InvalidBatch"]);
    expect(response.json().results).toMatchObject([
      { index: 1, problem: { field: "specversion" } },
      { index: 2, problem: { status: 400 } },
    ]);
    expect(bus.stored).toEqual([]);
  });

  test("what the bus refuses is told for each: 207", async () => {
    const { bus } = start({ maxRequests: 1 });
    const { publish } = bus;
    const some = start(
      { maxRequests: 1 },
      Object.assign(new TestBus(), {
        publish: (...[type, data, options]: Parameters<Publish>) =>
          options?.id === "2" ? unavailable() : publish(type, data, options),
      }),
    );
    const response = await batch(two);
    expect([response.statusCode, response.json().ids]).toEqual([207, ["1"]]);
    expect(response.json().results[1]).toMatchObject({ id: "2", status: 503, problem: { status: 503 } });
    some.bus.fault = undefined;
    expect((await batch([])).json()).toEqual({ ids: [], results: [] });
    expect((await batch([event])).statusCode).toBe(202);
  });

  test("none stored: the status that all share", async () => {
    const { bus } = start();
    bus.fault = unavailable;
    const response = await batch(two);
    expect([response.statusCode, response.headers["retry-after"]]).toEqual([503, "1"]);
  });
});

describe("Prefer: wait", () => {
  const answering = (config: z.input<typeof Config> = {}) => {
    const parts = start(config);
    // Before the confirmation: an answer may be that quick.
    parts.bus.onStored = (_type, { cause }) => {
      parts.waits.see(followUp(String(cause?.correlationId), "a.step"));
      parts.waits.see(followUp(String(cause?.correlationId), "a.done"));
    };
    return parts;
  };

  test.each([
    { reason: "named by the client", config: {}, prefer: 'wait=5; until="a.done"' },
    { reason: "named by the configuration", config: { replies: { "a.b": "a.done" } }, prefer: "wait=5" },
  ])("answers with what followed: $reason", async ({ config, prefer }) => {
    const { waits } = answering(config);
    const response = await post(event, { prefer });
    expect([response.statusCode, response.headers["preference-applied"]]).toEqual([200, "wait=5"]);
    const { correlationid } = response.json();
    expect(response.json()).toEqual({
      id: "1",
      correlationid,
      complete: true,
      events: ["a.step", "a.done"].map((type) => ({
        specversion: "1.0",
        id: `f-${type}`,
        source: "/a",
        type,
        publisher: "assistant",
        causationid: "1",
        correlationid,
        time: "2026-01-01T00:00:00Z",
        hops: 1,
        data: { ok: true },
      })),
    });
    expect(waits.open).toBe(0);
  });

  test("is bounded by the configuration, and then incomplete", async () => {
    start({ maxWaitSeconds: 1 });
    const response = await post(event, { prefer: "wait=500; until=a.never" });
    expect(response.headers["preference-applied"]).toBe("wait=1");
    expect(response.json()).toMatchObject({ id: "1", complete: false, events: [] });
  });

  test.each([
    { reason: "forbids it", config: { maxWaitSeconds: 0 } },
    { reason: "shows no events", config: { observe: [] } },
  ])("is not applied where the configuration $reason", async ({ config }) => {
    start(config);
    const response = await post(event, { prefer: "wait=5" });
    expect([response.statusCode, response.headers["preference-applied"]]).toEqual([202, undefined]);
  });

  test("a refused event leaves no wait behind", async () => {
    const { bus, waits } = start();
    bus.fault = unavailable;
    expect((await post(event, { prefer: "wait=5" })).statusCode).toBe(503);
    expect(waits.open).toBe(0);
  });

  test("a client that goes away leaves no wait behind; beyond the bound there is none", async () => {
    const { server, waits, bus } = start({ maxWaiting: 1, maxRequests: 1 });
    await server.listen({ port: 0, host: "127.0.0.1" });
    const { port } = server.server.address() as AddressInfo;
    const stored = Promise.withResolvers<void>();
    bus.onStored = () => stored.resolve();
    const client = httpRequest({
      port,
      method: "POST",
      path: "/api/events",
      headers: { "content-type": json, prefer: "wait=20" },
    });
    client.on("error", () => {});
    client.end(JSON.stringify(event));
    await stored.promise;
    // The one that waits holds no place: others go through, but can't wait too.
    await whenAccepted({ ...event, id: "2" });
    const second = await post({ ...event, id: "3" }, { prefer: "wait=20" });
    expect([second.statusCode, second.json().type]).toEqual([503, "urn:vextir:problem:Busy"]);
    client.destroy();
    while (waits.open > 0) await new Promise(setImmediate);
    expect(bus.stored.map(({ options }) => options.id)).toEqual(["1", "2"]);
  });

  test("an end to all waits answers them", async () => {
    const { bus, waits } = start();
    bus.onStored = () => setImmediate(() => waits.endAll());
    expect((await post(event, { prefer: "wait=20" })).json()).toMatchObject({ complete: false });
  });
});

test("GET /healthz says whether the bus can be reached", async () => {
  const { server, bus } = start();
  const health = () => server.inject({ method: "GET", url: "/healthz" });
  expect((await health()).statusCode).toBe(200);
  bus.fault = unavailable;
  const away = await health();
  expect([away.statusCode, away.headers["retry-after"]]).toEqual([503, "1"]);
});
