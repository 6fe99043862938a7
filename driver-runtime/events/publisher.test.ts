import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { type Driver, defineDriver } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit;
let driver: Driver;
const source = defineDriver({
  name: "writer",
  version: "1.0.0",
  class: "IO",
  capabilities: { publish: ["note.>", "elsewhere"] },
});
beforeAll(async () => {
  kit = await testKit(source, { file: { maxEventBytes: 100_000 } });
  driver = kit.driver;
});
afterAll(() => kit.stop());

test("an event is stored with its envelope, under the driver's name", async () => {
  const published = await driver.publish(
    "note.made",
    { a: 1 },
    {
      id: "note 1/ü",
      subject: "notes/1",
      time: "2026-01-02T03:04:05+02:00",
      userId: "ann",
      partitionKey: "k",
      dataSchema: "https://example.com/schema",
      extensions: { color: "réd", count: 3 },
    },
  );
  const [event] = await kit.events("note.made");
  expect(published).toEqual({ id: "note 1/ü", sequence: event?.sequence, duplicate: false });
  expect(event).toEqual({
    id: "note 1/ü",
    type: "note.made",
    publisher: "writer",
    source: "/test/writer",
    subject: "notes/1",
    time: "2026-01-02T03:04:05+02:00",
    data: { a: 1 },
    dataContentType: "application/json",
    dataSchema: "https://example.com/schema",
    correlationId: "note 1/ü",
    userId: "ann",
    hops: 0,
    partitionKey: "k",
    extensions: { color: "réd", count: "3" },
    partition: expect.any(Number),
    sequence: published.sequence,
  });
});

test.each([
  { data: undefined, type: undefined, seen: undefined },
  { data: "text", type: "text/plain", seen: "text" },
  { data: new Uint8Array([1, 2, 255]), type: "application/octet-stream", seen: new Uint8Array([1, 2, 255]) },
  { data: "plain", type: undefined, seen: "plain" },
  { data: null, type: undefined, seen: null },
])("data $data as $type", async ({ data, type, seen }) => {
  const { id } = await driver.publish("note.data", data, { ...(type && { dataContentType: type }) });
  const events = await kit.events("note.data");
  const event =
    events.find((one) => one.id === id) ??
    (await kit.events("note.data", { count: events.length + 1 })).at(-1);
  expect(event?.data instanceof Uint8Array ? new Uint8Array(event.data) : event?.data).toEqual(seen);
});

test("events of one key share a partition, others are spread", async () => {
  for (let i = 0; i < 20; i++) await driver.publish("note.key", i, { partitionKey: "same" });
  for (let i = 0; i < 20; i++) await driver.publish("note.nokey", i);
  const keyed = await kit.events("note.key", { count: 20 });
  const unkeyed = await kit.events("note.nokey", { count: 20 });
  expect(new Set(keyed.map((event) => event.partition)).size).toBe(1);
  expect(new Set(unkeyed.map((event) => event.partition)).size).toBeGreaterThan(5);
});

test("the same message id is stored once", async () => {
  const first = await driver.publish("note.twice", 1, { messageId: "m" });
  const second = await driver.publish("note.twice", 1, { messageId: "m" });
  expect(second).toMatchObject({ sequence: first.sequence, duplicate: true });
});

describe("what can't be published is told before it is sent", () => {
  const cases: { reason: string; work: () => Promise<unknown>; code: string; says: RegExp }[] = [
    {
      reason: "not granted",
      work: () => driver.publish("mail.sent", 1),
      code: "NotGranted",
      says: /spec\.capabilities\.publish: \["mail\.sent"\]/,
    },
    { reason: "no type", work: () => driver.publish("", 1), code: "InvalidInput", says: /type/ },
    { reason: "a pattern", work: () => driver.publish("note.*", 1), code: "InvalidInput", says: /note\.\*/ },
    { reason: "a live topic", work: () => driver.publish("live.x", 1), code: "InvalidInput", says: /live/ },
    { reason: "no JSON", work: () => driver.publish("note.a", 1n), code: "InvalidInput", says: /JSON/ },
    {
      reason: "object as text",
      work: () => driver.publish("note.a", {}, { dataContentType: "text/plain" }),
      code: "InvalidInput",
      says: /string/,
    },
    {
      reason: "a bad time",
      work: () => driver.publish("note.a", 1, { time: "yesterday" }),
      code: "InvalidInput",
      says: /time/,
    },
    {
      reason: "an empty id",
      work: () => driver.publish("note.a", 1, { id: "" }),
      code: "InvalidInput",
      says: /id/,
    },
    {
      reason: "a reserved extension",
      work: () => driver.publish("note.a", 1, { extensions: { hops: 1 } }),
      code: "InvalidInput",
      says: /hops/,
    },
    {
      reason: "a bad extension",
      work: () => driver.publish("note.a", 1, { extensions: { "Not-ok": 1 } }),
      code: "InvalidInput",
      says: /Not-ok/,
    },
    {
      reason: "too large",
      work: () => driver.publish("note.a", "x".repeat(100_000)),
      code: "TooLarge",
      says: /100000/,
    },
    {
      reason: "too large by its headers",
      work: () =>
        driver.publish("note.a", "x".repeat(95_000), {
          extensions: Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`e${i}`, "x".repeat(1_000)])),
        }),
      code: "TooLarge",
      says: /bytes/,
    },
  ];
  test.each(cases)("$reason: $code", async ({ work, code, says }) => {
    await expect(work()).rejects.toMatchObject({ code, message: expect.stringMatching(says) });
    expect(await kit.metrics()).toContain(`vextir_driver_publish_failures_total{code="${code}"}`);
  });
});

test("a type that the bus takes no more is told as unavailable, after a moment's patience", async () => {
  const manager = await jetstreamManager(kit.connection);
  const info = await manager.streams.info("EVENTS");
  await manager.streams.update("EVENTS", { ...info.config, subjects: ["evt.*.*.note.>"] });
  await expect(driver.publish("elsewhere", 1)).rejects.toMatchObject({
    code: "Unavailable",
    message: expect.stringContaining("publish quota"),
  });
  await manager.streams.update("EVENTS", { ...info.config });
});

test("a full stream is told as unavailable", async () => {
  const manager = await jetstreamManager(kit.connection);
  const { config } = await manager.streams.info("EVENTS");
  await manager.streams.update("EVENTS", { ...config, max_msgs: 1, discard: "new" as never });
  await expect(driver.publish("note.full", 1)).rejects.toMatchObject({ code: "Unavailable" });
  await manager.streams.update("EVENTS", config);
});

test("publishes wait for a bus that is away, and are stored once each", async () => {
  await kit.server.halt("SIGKILL");
  const publishing = Array.from({ length: 50 }, (_, i) => driver.publish("note.away", i));
  await kit.server.resume();
  await Promise.all(publishing);
  const events = await kit.events("note.away", { count: 50, timeoutMs: 10_000 });
  expect(events.map(({ data }) => data).sort((a, b) => Number(a) - Number(b))).toEqual(
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test("thousands at once are all stored", async () => {
  await Promise.all(Array.from({ length: 5_000 }, (_, i) => driver.publish("note.many", i)));
  expect(await kit.events("note.many", { count: 5_000, timeoutMs: 20_000 })).toHaveLength(5_000);
});
