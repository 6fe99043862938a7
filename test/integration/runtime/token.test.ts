import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { defineDriver, type Event } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { metric, type Run, World } from "./world.ts";

let world: World;
beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world.stop());

/** Puts a fresh token into the file each second, as the kubelet does each eight minutes. */
function renewing({ tokenFile }: Run, name: string, lifetimeS: number) {
  const timer = setInterval(
    async () => writeFile(tokenFile, await world.bus.token({ name }, { lifetimeS })),
    1_000,
  );
  return { stop: () => clearInterval(timer) };
}

test("a token is renewed before it expires: no event, call, observation or answer is lost meanwhile", async () => {
  const LIFETIME_S = 10;
  const handled = new Set<unknown>();
  const observed = new Set<unknown>();
  const twice: unknown[] = [];
  const worker = defineDriver({
    name: "worker",
    version: "1",
    class: "Agent",
    on: {
      "tick.*": async (event, { publish }) => {
        await publish("tock", event.data);
        handled.add(event.data);
      },
    },
    methods: { echo: { handle: async (input) => new Promise((resolve) => setTimeout(resolve, 20, input)) } },
    start(driver) {
      driver.observe("tick.a", (event: Event) => {
        if (observed.has(event.data)) twice.push(event.data);
        observed.add(event.data);
      });
    },
  });
  const run = await world.run(worker, {
    capabilities: { publish: ["tock"], observe: ["tick.*"], state: true },
    subscriptions: [{ types: ["tick.*"], delivery: { ackWait: "30s" } }],
    tokenLifetimeS: LIFETIME_S,
  });
  const peer = await world.run(defineDriver({ name: "peer", version: "1", class: "IO" }), {
    capabilities: { publish: ["tick.a"], call: ["worker.echo"] },
  });
  const changes: unknown[] = [];
  await run.driver.state.watch(
    "n",
    (change) => void changes.push(change.operation === "put" && change.value),
  );
  const tokens = renewing(run, "worker", LIFETIME_S);
  const losses: string[] = [];
  void (async () => {
    for await (const { type } of run.driver.bus.connection.status()) if (type === "error") losses.push(type);
  })();
  const until_ = Date.now() + 25_000;
  let n = 0;
  const failures: unknown[] = [];
  while (Date.now() < until_) {
    const i = n++;
    await Promise.all([
      peer.driver.publish("tick.a", i),
      peer.driver.call("worker.echo", i).catch((error) => failures.push(error)),
      run.driver.state.put("n", i).catch((error) => failures.push(error)),
    ]);
  }
  tokens.stop();
  const renewals = await metric(run.url, "vextir_driver_bus_reconnects_total");
  await eventually(() => handled.size === n && observed.size === n, `${n} events`);
  await eventually(() => changes.at(-1) === n - 1, "the last change");
  expect(failures).toEqual([]);
  expect(twice).toEqual([]);
  expect(renewals).toBeGreaterThanOrEqual(2);
  expect(losses).toEqual([]);
  const retried = await metric(
    run.url,
    'vextir_driver_events_handled_total{subscription="default",outcome="Retried"}',
  );
  expect(retried).toBe(0);
  const { connection, jetstream } = await world.bus.admin();
  expect((await jetstream.consumers.info("EVENTS", "worker_default")).num_redelivered).toBe(0);
  await connection.close();
});

test("a token that could not be renewed ends the connection; a fresh one brings it back, and nothing is lost", async () => {
  const handled = new Set<unknown>();
  const run = await world.run(
    defineDriver({
      name: "late",
      version: "1",
      class: "Agent",
      on: { "late.a": (event) => void handled.add(event.data) },
    }),
    { subscriptions: [{ types: ["late.a"] }], tokenLifetimeS: 2 },
  );
  const { driver } = await world.run(defineDriver({ name: "sender", version: "1", class: "IO" }), {
    capabilities: { publish: ["late.a"] },
  });
  await driver.publish("late.a", 1);
  await eventually(() => handled.size === 1, "the first");
  await eventually(() => run.running.obstacles().length > 0, "cut off");
  await driver.publish("late.a", 2);
  await writeFile(run.tokenFile, await world.bus.token({ name: "late" }));
  await eventually(() => handled.size === 2, "the second");
  await eventually(() => run.running.obstacles().length === 0, "ready");
});
