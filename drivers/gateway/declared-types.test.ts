import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, test } from "@jest/globals";
import { DriverError } from "@vextir/driver-runtime";
import { z } from "zod";
import { TestServer } from "./testing/test-server.ts";

let current: TestServer;
afterEach(() => current?.server.close());

const about = (events: Record<string, object>) => ({
  name: "thermostat",
  version: "1.0.0",
  ready: true,
  obstacles: [],
  events: Object.entries(events).map(([type, schema]) => ({ type, schema })),
});

async function start(answer: (method: string) => unknown, drivers = ["thermostat"]) {
  current = new TestServer({ drivers });
  current.bus.answer = answer;
  await current.declared.refresh();
  return current;
}

async function post(data: unknown, { type = "room.heated", older = false } = {}) {
  const event = older
    ? { timestamp: 0, source: "x", type, metadata: data }
    : { specversion: "1.0", id: randomUUID(), source: "/s", type, data };
  const response = await current.server.inject({
    method: "POST",
    url: "/api/events",
    headers: { "content-type": older ? "application/json" : "application/cloudevents+json" },
    payload: JSON.stringify(event),
  });
  return { status: response.statusCode, field: response.json().field };
}

const HEATED = z.toJSONSchema(
  z.object({
    celsius: z.number(),
    room: z
      .string()
      .regex(/^[a-z]+$/)
      .optional(),
  }),
);

describe("a type that a driver registered", () => {
  test("its schema holds for what comes in, in each form, and in batches", async () => {
    await start(() => about({ "room.heated": HEATED }));
    expect(await post({ celsius: 20 })).toEqual({ status: 202 });
    expect(await post({ celsius: "warm" })).toEqual({ status: 400, field: "data.celsius" });
    expect(await post({ celsius: "warm" }, { older: true })).toEqual({ status: 400, field: "data.celsius" });
    expect(await post({ celsius: "warm" }, { type: "room.cooled" })).toEqual({ status: 202 });
    const batch = await current.server.inject({
      method: "POST",
      url: "/api/events",
      headers: { "content-type": "application/cloudevents-batch+json" },
      payload: JSON.stringify([{ specversion: "1.0", id: "2", source: "/s", type: "room.heated", data: {} }]),
    });
    expect(batch.json()).toMatchObject({ status: 400, results: [{ problem: { field: "data.celsius" } }] });
    expect(current.bus.stored.map(({ type }) => type)).toEqual(["room.heated", "room.cooled"]);
  });

  test("a driver that went away is held to what it said last", async () => {
    let away = false;
    await start(() => {
      if (away) throw new DriverError("Unavailable", "away");
      return about({ "room.heated": HEATED });
    });
    away = true;
    await current.declared.refresh();
    expect(await post({})).toEqual({ status: 400, field: "data.celsius" });
    away = false;
    current.bus.answer = () => about({});
    await current.declared.refresh();
    expect(await post({})).toEqual({ status: 202 });
  });

  test("of two that register the same the first one listed counts", async () => {
    await start(
      (method) =>
        about({
          "room.heated": method.startsWith("first.")
            ? HEATED
            : z.toJSONSchema(z.object({ other: z.string() })),
        }),
      ["first", "second"],
    );
    expect(await post({ celsius: 20 })).toEqual({ status: 202 });
  });

  test.each([
    { reason: "refers to itself", schema: { $ref: "#" } },
    { reason: "is too large", schema: { enum: Array.from({ length: 5_000 }, (_, i) => `value ${i}`) } },
    { reason: "is none", schema: { type: "wrong" } },
  ])("a schema that $reason holds nobody", async ({ schema }) => {
    await start(() => about({ "room.heated": schema, "room.cooled": HEATED }));
    expect(await post("anything")).toEqual({ status: 202 });
    expect(await post({}, { type: "room.cooled" })).toEqual({ status: 400, field: "data.celsius" });
  });

  test("a pattern that takes for ever is not looked at", async () => {
    const schema = { type: "object", properties: { pattern: { type: "string", pattern: "^(a+)+$" } } };
    await start(() => about({ "room.heated": schema }));
    expect(await post({ pattern: `${"a".repeat(40)}!` })).toEqual({ status: 202 });
    expect(await post({ pattern: 1 })).toEqual({ status: 400, field: "data.pattern" });
  });

  test("types of the catalogue's families can't be registered", async () => {
    await start(() => about({ "chat.message.sent": HEATED }));
    expect(current.declared.has("chat.message.sent")).toBe(false);
  });
});
