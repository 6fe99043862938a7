import { afterEach, describe, expect, test } from "@jest/globals";
import { headers } from "@nats-io/nats-core";
import { z } from "zod";
import { defineDriver, manifestOf, SchemaViolation } from "../index.ts";
import { type TestKit, testKit } from "../testing/index.ts";

let kit: TestKit | undefined;
afterEach(async () => {
  await kit?.stop();
  kit = undefined;
});

const made = z.object({ number: z.int(), due: z.iso.datetime().optional() });
const shop = (handle: (data: unknown) => void = () => {}) =>
  defineDriver({
    name: "shop",
    version: "1.0.0",
    class: "IO",
    capabilities: { publish: ["invoice.>", "task.>"] },
    events: { "invoice.made": made },
    on: { "task.>": (event) => handle(event.data) },
  });

/** As one who doesn't use the runtime would. */
async function raw(kit: TestKit, type: string, data: unknown) {
  const set = headers();
  for (const [name, value] of Object.entries({ specversion: "1.0", id: "1", source: "/x", type }))
    set.append(`ce-${name}`, value);
  await kit.connection.request(`evt.x.1.${type}`, JSON.stringify(data), { headers: set, timeout: 2_000 });
}

describe("an event that breaks the schema of its type", () => {
  test("is not published, be the schema the catalogue's or the driver's own", async () => {
    kit = await testKit(shop());
    const { publish } = kit.driver;
    await expect(publish("task.created", { taskId: "1" })).rejects.toMatchObject({
      code: "InvalidInput",
      field: "data.title",
      schema: "urn:vextir:event:task.created:1",
    });
    await expect(publish("invoice.made", { number: "7" })).rejects.toBeInstanceOf(SchemaViolation);
    await expect(publish("invoice.made", { number: 7 }, { dataSchema: "urn:x:2" })).resolves.toBeDefined();
    await expect(
      publish("task.created", { taskId: "1", title: "t" }, { dataSchema: "urn:vextir:event:task.created:2" }),
    ).rejects.toMatchObject({ field: "dataschema" });
    expect(await kit.metrics()).toContain('vextir_driver_schema_violations_total{side="Published"} 3');
  });

  test("what fits is published; so is what has no schema; a Date is the text that readers see", async () => {
    kit = await testKit(shop());
    const { publish } = kit.driver;
    await publish("task.created", { taskId: "1", title: "t", dueAt: new Date(0), more: undefined });
    await publish("invoice.made", { number: 7, due: new Date(0) });
    await publish("invoice.paid", "anything");
    await publish("task.mine", 1);
    expect(await kit.metrics()).toContain("vextir_driver_events_published_total 4");
  });

  test("of another who published it all the same is a dead letter at once, and counted", async () => {
    const seen: unknown[] = [];
    kit = await testKit(
      shop((data) => void seen.push(data)),
      { subscriptions: [{ types: ["task.>"] }] },
    );
    await raw(kit, "task.completed", { taskId: 1 });
    const [letter] = await kit.deadLetters();
    expect(letter).toMatchObject({ reason: "InvalidData", attempts: 1 });
    expect(letter?.error).toContain('"data.taskId" of an event "task.completed"');
    expect(await kit.metrics()).toContain('vextir_driver_schema_violations_total{side="Received"} 1');
    expect(seen).toEqual([]);
  });
});

test("the manifest says which types the driver registers, and only its own", () => {
  expect(manifestOf(shop()).events).toMatchObject([
    { type: "invoice.made", schema: { properties: { number: { type: "integer" } } } },
  ]);
  const thief = defineDriver({ name: "x", version: "1", class: "IO", events: { "email.mine": made } });
  expect(() => manifestOf(thief)).toThrow("event catalogue");
  const plain = defineDriver({ name: "x", version: "1", class: "IO" });
  expect(JSON.parse(JSON.stringify(manifestOf(plain)))).not.toHaveProperty("events");
});
