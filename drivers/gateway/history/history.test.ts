import { createHash } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import { DriverError } from "@vextir/driver-runtime";
import { EventSource } from "../testing/event-source.ts";
import { recorded } from "../testing/recorded.ts";
import { TestServer } from "../testing/test-server.ts";

const secret = `vxk_${"a".repeat(32)}`;
const apiKeys = [
  {
    name: "ada",
    sha256: createHash("sha256").update(secret).digest("hex"),
    expires: "2100-01-01T00:00:00Z",
    user: "ada",
    grants: [{ read: ["a.>"] }],
  },
];
const headers = { "x-api-key": secret };

let current: TestServer | undefined;
afterEach(async () => {
  current?.streams.endAll("Closing");
  await current?.server.close();
});
function serve(config: ConstructorParameters<typeof TestServer>[0] = { auth: { apiKeys } }) {
  current = new TestServer(config);
  return current;
}

describe("GET /api/events", () => {
  test("asks the ledger for what may be seen, and shows no more than that", async () => {
    const { server, bus } = serve();
    const asked: unknown[] = [];
    bus.answer = (method, input) => {
      asked.push([method, input]);
      return {
        events: [
          recorded("1", { userId: "ada" }),
          recorded("2", { userId: "bob" }),
          recorded("3", { userId: "ada", type: "mail.sent" }),
          recorded("4", { userId: "ada", dataBase64: "AAE=", dataContentType: "image/png" }),
          recorded("5", { userId: "ada", dataOmitted: true }),
        ],
        cursor: "s9",
      };
    };
    const response = await server.inject({
      url: "/api/events?correlationid=c&limit=5&order=Oldest",
      headers,
    });
    expect(asked).toEqual([
      ["ledger.query", { types: ["a.>"], user: "ada", correlation: "c", limit: 5, order: "Oldest" }],
    ]);
    expect(response.json()).toEqual({
      events: [
        expect.objectContaining({ id: "1", userid: "ada", publisher: "assistant", correlationid: "c" }),
        expect.objectContaining({ id: "4", data_base64: "AAE=" }),
        expect.objectContaining({ id: "5", dataomitted: true }),
      ],
      cursor: "s9",
    });
  });

  test("events come in the form that is asked for", async () => {
    const { server, bus } = serve();
    const older = { id: "1", source: "Mail", type: "a.b", userID: "ada", metadata: { n: 1 }, history: [] };
    bus.answer = () => ({ events: [recorded("1", { userId: "ada", source: "Mail" })], cursor: "s9" });
    const get = async (accept: string) => {
      const response = await server.inject({
        url: "/api/events?limit=1&cursor=s5",
        headers: { ...headers, accept },
      });
      return { type: response.headers["content-type"], headers: response.headers, body: response.json() };
    };
    const inOlder = await get("application/vnd.vextir.event+json");
    expect([inOlder.type, inOlder.headers["vary"]]).toEqual([
      "application/vnd.vextir.event+json; charset=utf-8",
      "accept",
    ]);
    expect(inOlder.body).toMatchObject({
      events: [{ ...older, timestamp: "2026-01-01T00:00:00Z", cloudevent: { publisher: "assistant" } }],
      cursor: "s9",
    });
    const batch = await get("application/cloudevents-batch+json");
    expect(batch.type).toBe("application/cloudevents-batch+json; charset=utf-8");
    expect(batch.headers["link"]).toBe('</api/events?limit=1&cursor=s9>; rel="next"');
    expect(batch.body).toMatchObject([{ specversion: "1.0", id: "1", source: "Mail", userid: "ada" }]);
    expect((await get("application/json, */*")).body).toMatchObject({ events: [{ specversion: "1.0" }] });
  });

  test.each([
    { reason: "a parameter that is none", url: "/api/events?typ=x", field: "typ" },
    { reason: "a bad pattern", url: "/api/events?types=a%20b", field: "types" },
    { reason: "too many", url: "/api/events?limit=201", field: "limit" },
    { reason: "no time", url: "/api/events?since=yesterday", field: "since" },
    { reason: "a bad direction", url: "/api/events/1/lineage?direction=Left", field: "direction" },
  ])("refused: $reason", async ({ url, field }) => {
    const response = await serve().server.inject({ url, headers });
    expect([response.statusCode, response.json().field]).toEqual([400, field]);
  });

  test.each([
    { code: "NotGranted" as const, status: 503, detail: /capabilities\.call: \["ledger\.query"\]/ },
    { code: "Unavailable" as const, status: 503, detail: /away/ },
    { code: "Timeout" as const, status: 503, detail: /away/ },
    { code: "CallFailed" as const, status: 502, detail: /failed/ },
    { code: "InvalidInput" as const, status: 400, detail: /away/ },
  ])("$status when the ledger's answer is $code", async ({ code, status, detail }) => {
    const { server, bus } = serve();
    bus.answer = () => {
      throw new DriverError(code, "it is away");
    };
    if (code === "NotGranted") bus.answer = new TestServer().bus.answer;
    const response = await server.inject({ url: "/api/events", headers });
    expect([response.statusCode, response.json().detail]).toEqual([status, expect.stringMatching(detail)]);
  });
});

test("an event of another user, or of a type that may not be read, is not there", async () => {
  const { server, bus } = serve();
  const asked: unknown[] = [];
  const answer = (changes: object) => {
    bus.answer = (_method, input) =>
      asked.push(input) && { event: recorded("1", changes), handlings: [{ driver: "x" }], others: 0 };
    return server.inject({ url: "/api/events/1?publisher=assistant", headers });
  };
  expect((await answer({ userId: "ada" })).json()).toMatchObject({
    event: { id: "1" },
    handlings: [{ driver: "x" }],
  });
  expect(asked).toEqual([{ id: "1", publisher: "assistant", user: "ada" }]);
  expect((await answer({ userId: "bob" })).statusCode).toBe(404);
  expect((await answer({ userId: "ada", type: "mail.sent" })).statusCode).toBe(404);
});

test("an event alone comes in the form that is asked for", async () => {
  const { server, bus } = serve();
  const event = recorded("1", { userId: "ada" });
  bus.answer = () => ({ event, handlings: [{ driver: "x" }], others: 0 });
  const get = async (accept: string) =>
    (await server.inject({ url: "/api/events/1", headers: { ...headers, accept } })).json();
  expect(await get("application/cloudevents+json")).toMatchObject({ specversion: "1.0", id: "1" });
  expect(await get("application/vnd.vextir.event+json")).toMatchObject({
    event: { id: "1", userID: "ada", metadata: { n: 1 }, history: [] },
    handlings: [{ driver: "x" }],
  });
});

test("a lineage leaves out what may not be seen, and says how much", async () => {
  const { server, bus } = serve();
  const node = (id: string, userId = "ada") => ({ ...recorded(id, { userId }), handlings: [] });
  bus.answer = () => ({
    events: [node("1", "bob"), node("2"), node("3"), node("4")],
    edges: [
      { from: 0, to: 1 },
      { from: 1, to: 2 },
      { from: 2, to: 3 },
    ],
    focus: 2,
    truncated: false,
  });
  expect((await server.inject({ url: "/api/events/3/lineage", headers })).json()).toMatchObject({
    events: [{ id: "2" }, { id: "3" }, { id: "4" }],
    edges: [
      { from: 0, to: 1 },
      { from: 1, to: 2 },
    ],
    focus: 1,
    hidden: 1,
  });
});

test("a stream is caught up from the ledger, page by page", async () => {
  const { server, bus } = serve({ history: true });
  const pages = [
    [recorded("4", { sequence: 4 }), recorded("5", { sequence: 5 })],
    [recorded("6", { sequence: 6 })],
    [],
  ];
  const asked: object[] = [];
  bus.answer = (_method, input) => {
    asked.push(input as object);
    return { events: pages[asked.length - 1] ?? [], cursor: `s${asked.length}` };
  };
  const address = await server.listen({ port: 0, host: "127.0.0.1" });
  const source = await EventSource.open(`${address}/api/stream`, { "last-event-id": "4-1767225600000" });
  const frames = await source.take(4);
  expect(frames.map(({ event, data }) => event ?? data["id"])).toEqual(["ready", "resumed", "5", "6"]);
  expect(frames[1]?.data).toEqual({ after: "4-1767225600000", from: "Ledger" });
  expect(asked).toMatchObject([
    { order: "Oldest", since: "2025-12-31T23:59:00.000Z" },
    { cursor: "s1" },
    { cursor: "s2" },
  ]);
});

test("GET /api/health: each part, asked once in a while", async () => {
  const { server, bus } = serve();
  let asked = 0;
  bus.answer = () => {
    asked++;
    return { events: [] };
  };
  const [first, second] = await Promise.all([
    server.inject({ url: "/api/health", headers }),
    server.inject({ url: "/api/Health", headers }),
  ]);
  expect(first.json()).toEqual({
    status: "ok",
    bus: { status: "ok", latencyMs: expect.any(Number) },
    drivers: { ledger: { status: "ok", latencyMs: expect.any(Number) } },
  });
  expect([second.json(), asked]).toEqual([first.json(), 1]);
  const withHub = async (answers: boolean) => {
    const { server: one, bus: itsBus } = serve();
    itsBus.hub = answers;
    itsBus.answer = () => ({ events: [] });
    const answer = await one.inject({ url: "/api/health", headers });
    return [answer.statusCode, answer.json().hub];
  };
  expect(await withHub(true)).toEqual([200, { status: "ok", latencyMs: expect.any(Number) }]);
  expect(await withHub(false)).toEqual([503, { status: "away" }]);
  const strange = serve();
  strange.bus.answer = () => {
    throw new DriverError("Unavailable", "away");
  };
  const away = await strange.server.inject({ url: "/api/health", headers });
  expect([away.statusCode, away.json().drivers]).toEqual([503, { ledger: { status: "away" } }]);
  expect((await serve().server.inject({ url: "/api/health", headers })).json()).toMatchObject({
    status: "ok",
    drivers: { ledger: { status: "notGranted" } },
  });
  expect((await serve().server.inject({ url: "/api/health" })).statusCode).toBe(401);
});
