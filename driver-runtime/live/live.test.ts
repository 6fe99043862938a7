import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "../../test/fixtures/eventually.ts";
import { type Driver, defineDriver, type Event, type LiveMessage } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit;
let driver: Driver;
const source = defineDriver({
  name: "observer",
  version: "1.0.0",
  class: "IO",
  capabilities: { observe: ["chat.>", "live.writer.tokens.*"], publish: ["chat.x"] },
});

beforeAll(async () => {
  kit = await testKit(source);
  driver = kit.driver;
});
afterAll(() => kit.stop());

describe("observe", () => {
  test("sees events of a granted pattern with publisher and sequence, whoever published them", async () => {
    const seen: Event[] = [];
    const observation = driver.observe("chat.>", (event) => void seen.push(event));
    await kit.connection.flush();
    const one = await kit.publish("chat.a", { n: 1 }, { publisher: "alice", userId: "ann" });
    await kit.publish("other", 1);
    const two = await driver.publish("chat.x", 2, { cause: { id: one.id, correlationId: one.id, hops: 0 } });
    await eventually(() => seen.length === 2, "two events");
    expect(seen).toMatchObject([
      { id: one.id, publisher: "alice", sequence: one.sequence, userId: "ann", data: { n: 1 } },
      { id: two.id, publisher: "observer", sequence: two.sequence, causationId: one.id, hops: 1 },
    ]);
    observation.stop();
    await kit.publish("chat.a", 3);
    await kit.events("chat.a", { count: 2 });
    expect(seen).toHaveLength(2);
  });

  test("sees live messages of a granted topic", async () => {
    const seen: LiveMessage[] = [];
    const observation = driver.observe("live.writer.tokens.*", (message) => void seen.push(message));
    await driver.bus.connection.flush();
    kit.connection.publish("live.writer.tokens.1", '"a"');
    kit.connection.publish("live.writer.tokens.2", '{"b":1}');
    kit.connection.publish("live.writer.other.1", "1");
    kit.connection.publish("live.writer.tokens.3", "no json");
    kit.connection.publish("live.writer.tokens.4");
    await eventually(() => seen.length === 3, "three messages");
    expect(seen).toEqual([
      { publisher: "writer", topic: "tokens.1", data: "a" },
      { publisher: "writer", topic: "tokens.2", data: { b: 1 } },
      { publisher: "writer", topic: "tokens.4", data: undefined },
    ]);
    observation.stop();
  });

  test("drops the oldest for a slow callback, counts and tells", async () => {
    const seen: unknown[] = [];
    const dropped: number[] = [];
    const gate = Promise.withResolvers<void>();
    const observation = driver.observe(
      "chat.flood",
      async (event: Event) => {
        await gate.promise;
        seen.push(event.data);
      },
      { maxQueued: 10, onDropped: (count) => void dropped.push(count) },
    );
    await driver.bus.connection.flush();
    for (let i = 0; i < 50; i++) await kit.publish("chat.flood", i);
    await eventually(() => dropped.length > 0, "told");
    gate.resolve();
    await eventually(() => seen.length === 11, "the first and the last ten");
    expect(dropped).toEqual([39]);
    expect(seen).toEqual([0, ...Array.from({ length: 10 }, (_, i) => 40 + i)]);
    expect(await kit.metrics()).toContain("vextir_driver_observed_dropped_total 39");
    observation.stop();
  });

  test("goes on after a callback that throws", async () => {
    const seen: unknown[] = [];
    const observation = driver.observe("chat.throw", (event: Event) => {
      seen.push(event.data);
      throw new Error("no");
    });
    await driver.bus.connection.flush();
    await kit.publish("chat.throw", 1);
    await kit.publish("chat.throw", 2);
    await eventually(() => seen.length === 2, "both");
    observation.stop();
  });

  test.each([
    { pattern: "mail.>", code: "NotGranted" },
    { pattern: ">", code: "NotGranted" },
    { pattern: "live.writer.>", code: "NotGranted" },
    { pattern: "a..b", code: "InvalidInput" },
    { pattern: "live", code: "InvalidInput" },
  ])("$pattern: $code", ({ pattern, code }) => {
    expect(() => driver.observe(pattern, () => {})).toThrow(expect.objectContaining({ code }) as never);
  });
});

describe("live", () => {
  test("reaches who listens, in order", async () => {
    const seen: string[] = [];
    kit.connection.subscribe("live.observer.>", {
      callback: (_error, message) => void seen.push(`${message.subject} ${message.string()}`),
    });
    await kit.connection.flush();
    for (let i = 0; i < 1_000; i++) driver.live(`tick.${i % 2}`, { i });
    await eventually(() => seen.length === 1_000, "all");
    expect(seen.slice(0, 2)).toEqual(['live.observer.tick.0 {"i":0}', 'live.observer.tick.1 {"i":1}']);
  });

  test("its own live topics need no grant", async () => {
    const seen: unknown[] = [];
    const observation = driver.observe("live.observer.own", (message) => void seen.push(message.data));
    await driver.bus.connection.flush();
    driver.live("own", 1);
    await eventually(() => seen.length === 1, "one");
    observation.stop();
  });

  test.each([
    { reason: "a bad topic", topic: "a b", data: 1, code: "InvalidInput" },
    { reason: "no JSON", topic: "a", data: 1n, code: "InvalidInput" },
    { reason: "too much", topic: "a", data: "x".repeat(9_000_000), code: "TooLarge" },
  ])("$reason: $code", ({ topic, data, code }) => {
    expect(() => driver.live(topic, data)).toThrow(expect.objectContaining({ code }) as never);
  });
});
