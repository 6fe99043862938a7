import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Driver, defineDriver, type Event, type LiveMessage } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

let world: World;
let writer: Driver;
let observer: Driver;

beforeAll(async () => {
  world = await World.start();
  writer = (
    await world.run(defineDriver({ name: "writer", version: "1", class: "Agent" }), {
      capabilities: { publish: ["chat.>"] },
    })
  ).driver;
  observer = (
    await world.run(defineDriver({ name: "observer", version: "1", class: "IO" }), {
      capabilities: { observe: ["chat.message.*", "live.writer.tokens.>"] },
    })
  ).driver;
});
afterAll(() => world.stop());

test("observed events come with publisher, sequence and lineage; others do not come", async () => {
  const seen: Event[] = [];
  const observation = observer.observe("chat.message.*", (event) => void seen.push(event));
  await observer.bus.connection.flush();
  await writer.publish("chat.other.a", 1);
  const { id, sequence } = await writer.publish("chat.message.a", { n: 1 }, { userId: "ann" });
  await eventually(() => seen.length === 1, "the event");
  expect(seen[0]).toMatchObject({ id, sequence, publisher: "writer", userId: "ann", data: { n: 1 } });
  observation.stop();
});

test("live messages cross to the observer's account, in order, and are gone if nobody listens", async () => {
  writer.live("tokens.1", "unheard");
  await writer.bus.connection.flush(); // else it may reach the server after the observer did
  const seen: LiveMessage[] = [];
  const observation = observer.observe("live.writer.tokens.>", (message) => void seen.push(message));
  await observer.bus.connection.flush();
  for (let i = 0; i < 500; i++) writer.live(`tokens.${i}`, i);
  writer.live("other", "not granted");
  await eventually(() => seen.length === 500, "all tokens");
  expect(seen.map(({ data }) => data)).toEqual(Array.from({ length: 500 }, (_, i) => i));
  expect(seen[0]).toEqual({ publisher: "writer", topic: "tokens.0", data: 0 });
  observation.stop();
});

test("what was not granted is refused by the pod's own word, and stays invisible without it", async () => {
  expect(() => observer.observe("mail.>", () => {})).toThrow(
    expect.objectContaining({ code: "NotGranted" }) as never,
  );
  const { driver } = await world.run(defineDriver({ name: "curious", version: "1", class: "IO" }), {
    told: { observe: [">", "live.writer.>"] },
  });
  const seen: unknown[] = [];
  driver.observe(">", (event) => void seen.push(event));
  driver.observe("live.writer.>", (message) => void seen.push(message));
  await driver.bus.connection.flush();
  const visible: unknown[] = [];
  const observation = observer.observe("chat.message.a", (event: Event) => void visible.push(event.data));
  await observer.bus.connection.flush();
  await writer.publish("chat.message.a", 1);
  writer.live("tokens.9", 1);
  await eventually(() => visible.length === 1, "seen by who may");
  await driver.bus.connection.flush();
  expect(seen).toEqual([]);
  observation.stop();
});
