import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { defineDriver, type Event } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { metric, World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

const publisher = defineDriver({ name: "publisher", version: "1", class: "IO" });

describe("events between two drivers, each with exactly its grants", () => {
  test("are handled with the publisher that the server says, and answered with lineage", async () => {
    const seen: Event[] = [];
    await world.run(
      defineDriver({
        name: "answerer",
        version: "1",
        class: "Agent",
        on: { "ask.*": (event, { publish }) => publish("answer.given", { to: event.data }) },
      }),
      { capabilities: { publish: ["answer.*"] }, subscriptions: [{ types: ["ask.*"] }] },
    );
    const { driver } = await world.run(
      defineDriver({
        name: "asker",
        version: "1",
        class: "IO",
        on: { "answer.given": (event) => void seen.push(event) },
      }),
      { capabilities: { publish: ["ask.this"] }, subscriptions: [{ types: ["answer.given"] }] },
    );
    const asked = await driver.publish("ask.this", { n: 1 }, { userId: "ann", partitionKey: "k" });
    await eventually(() => seen.length === 1, "the answer");
    expect(seen[0]).toMatchObject({
      publisher: "answerer",
      data: { to: { n: 1 } },
      correlationId: asked.id,
      causationId: asked.id,
      hops: 1,
      userId: "ann",
      partitionKey: "k",
    });
  });

  test("what nobody subscribes to is stored and counted", async () => {
    const { driver, url } = await world.run(
      defineDriver({ name: "soliloquist", version: "1", class: "IO" }),
      {
        capabilities: { publish: ["mumble"] },
      },
    );
    for (const n of [1, 2, 3]) await driver.publish("mumble", { n });
    expect(await metric(url, "vextir_driver_events_published_total")).toBe(3);
    const { connection, jetstream } = await world.bus.admin();
    const { state } = await jetstream.streams.info("EVENTS", { subjects_filter: "evt.soliloquist.>" });
    const stored = Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
    expect(stored).toBe(3);
    await connection.close();
  });

  test("what the pod was told but the bus was not is refused by the bus", async () => {
    const { driver } = await world.run(publisher, { told: { publish: [">"], call: ["*.*"], state: true } });
    await expect(driver.publish("not.granted", 1)).rejects.toMatchObject({
      code: "Unavailable",
      message: expect.stringContaining('"not.granted"'),
    });
    await expect(driver.state.put("k", 1)).rejects.toMatchObject({ code: "Unavailable" });
    await expect(driver.state.get("k")).rejects.toMatchObject({ code: "NotGranted" });
  });

  test("a grant that comes later takes effect on the open connection", async () => {
    const { driver } = await world.run(defineDriver({ name: "later", version: "1", class: "IO" }), {
      told: { publish: ["late.*"] },
    });
    const publishing = driver.publish("late.a", 1);
    await world.bus.driver("later", { capabilities: { publish: ["late.*"] } });
    expect(await publishing).toMatchObject({ duplicate: false });
  });

  test("an event larger than the driver's account takes is told, and the connection stays", async () => {
    const { driver, running } = await world.run(defineDriver({ name: "large", version: "1", class: "IO" }), {
      capabilities: { publish: ["large"] },
      file: { maxEventBytes: 64 * 2 ** 20 },
    });
    await expect(driver.publish("large", "x".repeat(3 * 2 ** 20))).rejects.toMatchObject({
      code: "TooLarge",
    });
    await expect(driver.publish("large", "x".repeat(12 * 2 ** 20))).rejects.toMatchObject({
      code: "TooLarge",
    });
    await driver.publish("large", "x");
    expect(running.obstacles()).toEqual([]);
  });
});

describe("failures", () => {
  test("poison goes to the driver's own dead letters, others pass it by", async () => {
    const done: unknown[] = [];
    const { url } = await world.run(
      defineDriver({
        name: "careful",
        version: "1",
        class: "Agent",
        on: {
          "poison.*": (event) => {
            if (event.data === "bad") throw new Error("can't stand it");
            done.push(event.data);
          },
        },
      }),
      { subscriptions: [{ types: ["poison.*"], delivery: { maxDeliver: 2, backoff: ["10ms"] } }] },
    );
    const { driver } = await world.run(publisher, { capabilities: { publish: ["poison.*"] } });
    for (const data of ["good", "bad", "good"]) await driver.publish("poison.a", data);
    await eventually(
      async () =>
        (await metric(
          url,
          'vextir_driver_events_handled_total{subscription="default",outcome="DeadLettered"}',
        )) === 1,
      "dead",
    );
    const { connection, jetstream } = await world.bus.admin();
    const letter = await jetstream.streams.getMessage("DEADLETTERS", {
      last_by_subj: "dlq.careful.poison.a",
    });
    expect(letter?.header?.get("Vextir-Reason")).toBe("AttemptsExhausted");
    expect(letter?.header?.get("Vextir-Attempts")).toBe("2");
    expect(letter?.json()).toBe("bad");
    await connection.close();
    expect(done).toEqual(["good", "good"]);
  });

  test("the largest event of all still becomes a dead letter, without its content", async () => {
    await world.run(
      defineDriver({
        name: "strict",
        version: "1",
        class: "Agent",
        on: {
          "huge.a": () => {
            throw new Error("too much for me");
          },
        },
      }),
      { subscriptions: [{ types: ["huge.a"], delivery: { maxDeliver: 1 } }] },
    );
    const { driver } = await world.run(publisher, { capabilities: { publish: ["huge.a"] } });
    // As large as the bus takes, to the byte.
    let size = 2 ** 20;
    for (;;) {
      const published = await driver
        .publish("huge.a", "x".repeat(size), { id: "one", time: "2026-01-01T00:00:00Z" })
        .catch((error: { message: string }) => error);
      if (!("message" in published)) break;
      const bytes = Number(/has (\d+) bytes/.exec(published.message)?.[1]);
      size -= bytes - 2 ** 20;
    }
    const { connection, jetstream } = await world.bus.admin();
    const letter = () => jetstream.streams.getMessage("DEADLETTERS", { last_by_subj: "dlq.strict.huge.a" });
    await eventually(letter, "the dead letter");
    expect((await letter())?.header?.get("Vextir-Error")).toBe("too%20much%20for%20me");
    expect((await letter())?.data.length).toBe(0);
    await connection.close();
  });

  test("a crash of the bus loses nothing that was acknowledged, and everything is handled", async () => {
    const seen = new Map<unknown, number>();
    const { running } = await world.run(
      defineDriver({
        name: "worker",
        version: "1",
        class: "Agent",
        on: {
          "work.a": (event, { publish }) => publish("work.b", event.data),
          "work.b": (event) => void seen.set(event.data, 1),
        },
      }),
      {
        capabilities: { publish: ["work.b"] },
        subscriptions: [
          { types: ["work.*"], delivery: { ackWait: "2s", maxDeliver: 20, backoff: ["100ms"] } },
        ],
      },
    );
    const { driver } = await world.run(publisher, { capabilities: { publish: ["work.a"] } });
    const publishing = Array.from({ length: 300 }, (_, i) => driver.publish("work.a", i));
    await eventually(() => seen.size > 10, "under way");
    await world.bus.restart("SIGKILL");
    await Promise.all(publishing);
    await eventually(() => seen.size === 300, "all");
    await eventually(() => running.obstacles().length === 0, "ready again");
  });

  test("a subscription whose consumer is not there yet waits for it, unready", async () => {
    const seen: unknown[] = [];
    const early = defineDriver({
      name: "early",
      version: "1",
      class: "Agent",
      on: { "early.a": (event) => void seen.push(event.data) },
    });
    const subscriptions = [{ name: "default", types: ["early.a"] }];
    const { running, url } = await world.run(early, {
      ready: false,
      file: { subscriptions: world.bus.access("early", { subscriptions }).subscriptions as never },
    });
    await eventually(
      () => running.obstacles().some((why) => why.includes('subscription "default"')),
      "unready",
    );
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    await world.bus.driver("early", { subscriptions });
    await running.ready;
    const { driver } = await world.run(publisher, { capabilities: { publish: ["early.a"] } });
    await driver.publish("early.a", 1);
    await eventually(() => seen.length === 1, "the event");
  });
});

test("two replicas share the work, and one that stops gives back what it has in hand", async () => {
  const handled: string[] = [];
  const replica = (name: string, gate: Promise<void>) =>
    world.run(
      defineDriver({
        name: "shared",
        version: "1",
        class: "Agent",
        on: {
          "shared.a": async (event) => {
            await gate;
            handled.push(`${name} ${event.data}`);
          },
        },
      }),
      { subscriptions: [{ types: ["shared.a"], delivery: { maxAckPending: 4, ackWait: "60s" } }] },
    );
  const open = Promise.withResolvers<void>();
  const first = await replica("first", new Promise(() => {}));
  const { driver } = await world.run(publisher, { capabilities: { publish: ["shared.a"] } });
  await driver.publish("shared.a", 0);
  const { connection, jetstream } = await world.bus.admin();
  await eventually(
    async () => (await jetstream.consumers.info("EVENTS", "shared_default")).num_ack_pending === 1,
    "in hand",
  );
  open.resolve();
  await replica("second", open.promise);
  await first.running.stop(50);
  await eventually(() => handled.length === 1, "handed over");
  expect(handled).toEqual(["second 0"]);
  expect(
    (await jetstream.streams.info("DEADLETTERS", { subjects_filter: "dlq.shared.>" })).state.subjects ?? {},
  ).toEqual({});
  await connection.close();
});
