import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { LedgerWorld, type LineageOutput, publish, publishSafely, type QueryOutput } from "./world.ts";

const EVENTS = 20_000;

let world: LedgerWorld;
beforeAll(async () => {
  world = await LedgerWorld.start();
});
afterEach(async () => {
  await world.ledger?.stop("SIGKILL");
  await world.database.run();
});
afterAll(() => world.stop());

/** Calls a method of the ledger, as a driver that is granted it. */
async function call<T>(method: string, input: object): Promise<T> {
  await world.bus.driver("asker", { capabilities: { call: ["ledger.*"] } });
  const connection = await world.bus.connect({ name: "asker" });
  try {
    const answer = await connection.request(`call.ledger.${method}.asker`, JSON.stringify(input), {
      timeout: 20_000,
    });
    const code = answer.headers?.get("Vextir-Error-Code");
    if (code) throw new Error(`${code}: ${answer.headers?.get("Vextir-Error-Message")}`);
    return answer.json<T>();
  } finally {
    await connection.close();
  }
}

async function publishMany(count: number, type: string): Promise<void> {
  const connection = await world.bus.connect({ name: "gateway" });
  for (let i = 0; i < count; i++) {
    const id = `${type}-${i}`;
    publish(connection, { id, type, data: JSON.stringify({ text: `event number ${i}` }) });
    // Each tenth twice, as a source that did not hear the first answer.
    if (i % 10 === 0) publish(connection, { id, type });
    if (i % 500 === 0) await connection.flush();
  }
  await connection.flush();
  await connection.close();
}

const counted = async (outcome: string): Promise<number> =>
  Number(
    new RegExp(`what="events",outcome="${outcome}"\\} (\\d+)`).exec(
      (await world.ledger?.metrics()) ?? "",
    )?.[1] ?? 0,
  );
const recorded = () => counted("Recorded");
const repetitions = () => counted("Duplicate");

describe.each(["PostgreSQL", "PGlite"])("the ledger's process on %s", (kind) => {
  test(`${EVENTS} events, a tenth of them twice, are recorded once each`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "vextir-ledger-"));
    const ledger = await world.startLedger(kind === "PGlite" ? { path: folder } : undefined);
    await ledger.ready();
    const type = `many.${kind}`;
    const began = performance.now();
    await publishMany(EVENTS, type);
    const publishedMs = performance.now() - began;
    await eventually(async () => (await recorded()) >= EVENTS, "all recorded", 180_000);
    const tookMs = performance.now() - began;
    console.log(
      `ledger on ${kind}: ${EVENTS} events (and ${EVENTS / 10} repetitions) in ${(tookMs / 1e3).toFixed(1)} s, ` +
        `${Math.round(EVENTS / (tookMs / 1e3))} events/s; published in ${(publishedMs / 1e3).toFixed(1)} s`,
    );
    // More when the bus delivers some once more.
    await eventually(async () => (await repetitions()) >= EVENTS / 10);
    expect(await recorded()).toBe(EVENTS);
    const page = await call<QueryOutput>("query", { types: [type], text: "number 19999" });
    expect(page.events.map(({ id }) => id)).toEqual([`${type}-19999`]);
    const memory = Number(/^process_resident_memory_bytes (\d+)/m.exec(await ledger.metrics())?.[1]);
    expect(memory).toBeLessThan(700 * 2 ** 20);
    await ledger.stop();
    await rm(folder, { recursive: true, force: true });
  }, 150_000);
});

test("while the database is away it tells so and holds what it has; then events and handlings are recorded, none twice", async () => {
  const count = 1_000;
  await (await world.startLedger()).ready();
  const source = `
    import { defineDriver } from "@vextir/driver-runtime";
    export default defineDriver({ name: "counter", version: "1.0.0", class: "Agent", on: { "probe.sent": () => {} } });`;
  const counter = await DriverProcess.start(world.bus, {
    name: "counter",
    source,
    subscriptions: [{ types: ["probe.sent"] }],
  });
  const connection = await world.bus.connect(
    { name: "gateway" },
    { maxReconnectAttempts: -1, reconnectTimeWait: 50 },
  );
  try {
    await counter.ready();
    let next = 0;
    const worker = async () => {
      while (next < count) await publishSafely(connection, { id: `probe-${next++}`, type: "probe.sent" });
    };
    const publishing = Promise.all(Array.from({ length: 16 }, worker));
    const sent = (wanted: number) => eventually(() => next >= wanted);
    await sent(300);
    await world.database.end();
    const { ledger } = world;
    await sent(700);
    // It tells, holds what it has in hand, and asks for no more than that.
    await eventually(async () => /^vextir_ledger_database_up 0$/m.test((await ledger?.metrics()) ?? ""));
    await world.database.run();
    await publishing;
    const recorded = () => world.count("events where type = 'probe.sent'");
    const handled =
      "(select distinct h.event from handlings h join events e on e.identity = h.event " +
      "where h.driver = 'counter' and h.outcome = 'Succeeded' and e.type = 'probe.sent') h";
    await eventually(async () => (await recorded()) >= count);
    await eventually(async () => (await world.count(handled)) >= count);
    expect({ in: count, recorded: await recorded(), handled: await world.count(handled) }).toEqual({
      in: count,
      recorded: count,
      handled: count,
    });
    const admin = await world.bus.admin();
    expect((await admin.jetstream.streams.info("DEADLETTERS")).state.messages).toBe(0);
    await admin.connection.close();
  } finally {
    await connection.close();
    await counter.stop();
  }
}, 200_000);

test("it waits for a database that comes after it, and records what was published meanwhile", async () => {
  await world.database.end();
  const ledger = await world.startLedger();
  await publishMany(10, "early");
  await eventually(() => /database does not do its part/.test(ledger.output));
  expect((await fetch(`${ledger.healthUrl}/readyz`)).status).toBe(503);
  await world.database.run();
  await ledger.ready(30_000);
  await eventually(async () => (await world.count("events where type = 'early'")) === 10);
});

test("an event that nobody else would be shown is recorded: broken data, and too many hops", async () => {
  await (await world.startLedger()).ready();
  const connection = await world.bus.connect({ name: "gateway" });
  publish(connection, { id: "no-json", type: "odd", data: "{no json" });
  publish(connection, { id: "a-loop", type: "odd", hops: 100 });
  await connection.flush();
  await connection.close();
  await eventually(async () => (await world.count("events where id in ('no-json', 'a-loop')")) === 2);
});

test("lineage tells who handled each event, how often and with what result", async () => {
  await (await world.startLedger()).ready();
  const source = `
    import { defineDriver, RetryableError } from "@vextir/driver-runtime";
    let failed = false;
    export default defineDriver({ name: "worker", version: "1.0.0", class: "Agent", on: {
      "job.asked": async (event, context) => {
        if (!failed) { failed = true; throw new RetryableError("not yet", { retryAfterMs: 10 }); }
        await context.publish("job.done", { ok: true });
      } } });`;
  const worker = await DriverProcess.start(world.bus, {
    name: "worker",
    source,
    subscriptions: [{ types: ["job.asked"] }],
    capabilities: { publish: ["job.done"] },
  });
  try {
    await worker.ready();
    const connection = await world.bus.connect({ name: "gateway" });
    publish(connection, { id: "the-job", type: "job.asked" });
    await connection.flush();
    await connection.close();
    const graph = await eventually(async () => {
      const found = await call<LineageOutput>("lineage", { id: "the-job" });
      return found.events.length === 2 && found.events[0]?.handlings.length === 2 && found;
    });
    expect(graph.events.map(({ type, publisher }) => `${type} by ${publisher}`)).toEqual([
      "job.asked by gateway",
      "job.done by worker",
    ]);
    expect(graph.edges).toEqual([{ from: 0, to: 1 }]);
    expect(graph.events[0]?.handlings).toMatchObject([
      { driver: "worker", subscription: "default", attempt: 1, outcome: "Retried", error: "not yet" },
      { driver: "worker", subscription: "default", attempt: 2, outcome: "Succeeded" },
    ]);
  } finally {
    await worker.stop();
  }
});

test("handlings are read by grant alone, and told of oneself alone", async () => {
  await (await world.startLedger()).ready();
  await world.bus.driver("nosy", { subscriptions: [{ name: "handlings", types: [">"] }] });
  const connection = await world.bus.connect({ name: "nosy" });
  const refused = async (subject: string) =>
    expect(connection.request(subject, "{}", { timeout: 10_000 })).rejects.toThrow(/no responders/i);
  await refused("BUS.API.CONSUMER.MSG.NEXT.HANDLINGS.nosy_handlings");
  await refused("BUS.API.CONSUMER.MSG.NEXT.HANDLINGS.ledger_handlings");
  await refused("BUS.API.CONSUMER.INFO.HANDLINGS.ledger_handlings");
  await refused("run.worker.0.vextir.handlings");
  await connection.close();
});
