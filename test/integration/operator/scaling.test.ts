import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { ConsumerInfo, JetStreamManager } from "@nats-io/jetstream";
import { jetstream } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { API_VERSION } from "@vextir/api";
import { askScaling } from "@vextir/operator/bus/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let namespace: string;
let bus: { connection: NatsConnection; jetstream: JetStreamManager };

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});
afterEach(async () => {
  await bus?.connection.close();
});

/** Scales down as soon as it may. */
const eager = {
  ...{ maxReplicaCount: 5, cooldownPeriod: 1 },
  behavior: { scaleDown: { stabilizationWindowSeconds: 0 } },
};
const spec = { class: "IO", module: "gateway", subscriptions: [{ types: ["a.>"] }] };

async function install(scaling: object, more: object = {}): Promise<void> {
  await world.apply(namespace, "gateway", { ...spec, scaling, ...more });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  bus = await world.tenant(namespace);
}

const publish = async (type: string, count = 1) => {
  for (let i = 0; i < count; i++) bus.connection.publish(`evt.source.0.${type}`, "{}");
  await bus.connection.flush();
};

const consumer = (): Promise<ConsumerInfo> => bus.jetstream.consumers.info("EVENTS", "gateway_default");

/** As a pod does that handles what there is. */
async function handle(count: number): Promise<void> {
  const found = await jetstream(bus.connection).consumers.get("EVENTS", "gateway_default");
  const messages = await found.fetch({ max_messages: count, expires: 5_000 });
  for await (const message of messages) await message.ackAck();
}

const wanted = async () =>
  (await world.deployment(namespace, "gateway"))?.spec.replicas as number | undefined;
const becomes = (replicas: number) =>
  eventually(async () => (await wanted()) === replicas, `${replicas} pods are wanted`);

/** The operator has read that so many are given to nobody yet. */
const seenToWait = (count: number) =>
  eventually(async () => {
    const metrics = (await world.operator?.metrics.metrics()) ?? "";
    const lag = `vextir_scaling_lag{namespace="${namespace}",driver="gateway",state="Pending"}`;
    return metrics.includes(`${lag} ${count}\n`);
  }, `${count} seen to wait`);

describe("from zero", () => {
  test("it starts with none, and is Ready", async () => {
    await install(eager);
    await becomes(0);
    await world.waitFor(namespace, "gateway", "Active", "False", "AwaitingEvents");
    await world.waitFor(namespace, "gateway", "ScalingActive", "True", "LagKnown");
    await world.waitFor(namespace, "gateway", "Ready", "True");
  });

  test("the first event starts a pod, more start more, and none are left when all is done", async () => {
    await install(eager);
    await becomes(0);
    await publish("a.b");
    await becomes(1);
    await publish("a.b", 40);
    await becomes(5);
    const report = await askScaling(
      { servers: [world.busUrl], realm: world.realm },
      { namespace, name: "gateway" },
    );
    expect(report).toMatchObject({ replicas: 5, reason: "Lag", lag: { total: 41, pending: 41 } });
    expect(report?.decisions.at(-1)).toMatchObject({ from: 0, to: 1, reason: "Activated" });
    await handle(41);
    await becomes(0);
    const events = await eventually(async () => {
      const found = await world.list("events.k8s.io/v1", "events", namespace);
      return found.filter(({ regarding }) => regarding.kind === "Driver").length >= 3 && found;
    }, "the events that tell it");
    const told = events.filter(({ reason }) => /^Scaled/.test(reason)).map(({ note }) => note);
    expect(told).toContainEqual(expect.stringMatching(/^0 -> 1: 1 event waits/));
    expect(told).toContainEqual(expect.stringMatching(/^\d -> 5: 41 events wait; lagThreshold is 10/));
    expect(told).toContainEqual(expect.stringMatching(/-> 0: no event waits for cooldownPeriod, 1 s/));
  });

  test("an event that nobody subscribed to starts none, and one below activationLagThreshold neither", async () => {
    await install({ ...eager, activationLagThreshold: 1 });
    await becomes(0);
    await publish("other.b", 20);
    await publish("a.b");
    await seenToWait(1);
    expect(await wanted()).toBe(0);
    await publish("a.b");
    await becomes(1);
  });
});

test("a caller's knock starts a pod, and knocks keep it; who may not call it can't knock", async () => {
  await install(eager);
  await becomes(0);
  const capabilities = { publish: ["chat.message.sent"], call: ["gateway.x"] };
  await world.apply(namespace, "assistant", { class: "Agent", module: "assistant", capabilities });
  await world.waitFor(namespace, "assistant", "BusAccessReady", "True");
  const caller = await world.connectAs(namespace, "assistant");
  const knock = async () => (await caller.request("wake.gateway", "", { timeout: 10_000 })).json();
  expect(await eventually(knock, "an answer")).toEqual({ wakes: true });
  await becomes(1);
  for (const end = Date.now() + 2_000; Date.now() < end; ) {
    await knock();
    expect(await wanted()).toBe(1);
  }
  await becomes(0);
  const stranger = await world.connectAs(namespace, "gateway");
  await expect(stranger.request("wake.assistant", "", { timeout: 500 })).rejects.toThrow();
  await Promise.all([caller.close(), stranger.close()]);
});

test("the autoscaler alone sets the Deployment's replicas", async () => {
  await install({ ...eager, minReplicaCount: 1 });
  await becomes(1);
  const scale = `${collection("apps/v1", "deployments", namespace)}/gateway/scale`;
  await world.api.request("MERGE", scale, { spec: { replicas: 4 } });
  await becomes(1);
  const path = `${collection(API_VERSION, "drivers", namespace)}/gateway/scale`;
  await world.api.request("MERGE", path, { spec: { replicas: 3 } });
  await world.waitFor(namespace, "gateway", "Accepted", "True");
  expect(await wanted()).toBe(1);
});

test("of a paused Driver nothing is decided, nor told; afterwards it has what waits", async () => {
  const paused = { annotations: { "vextir.io/paused": "true" } };
  const report = () =>
    askScaling({ servers: [world.busUrl], realm: world.realm }, { namespace, name: "gateway" });
  await install(eager);
  await eventually(async () => (await report())?.lag, "it is looked at");
  await world.apply(namespace, "gateway", { ...spec, scaling: eager }, paused);
  await eventually(async () => (await report()) === undefined, "it is left alone");
  await publish("a.b");
  await world.apply(namespace, "gateway", { ...spec, scaling: eager });
  await becomes(1);
  expect((await report())?.decisions).toMatchObject([{ from: 0, to: 1 }]);
});

describe("right in spite of", () => {
  test("a consumer that somebody deletes: it is made again where it was, and nothing is taken away for it", async () => {
    await install({ ...eager, cooldownPeriod: 300 });
    await publish("a.b", 3);
    await handle(3);
    await becomes(1);
    await publish("a.b", 2);
    await seenToWait(2);
    await bus.jetstream.consumers.delete("EVENTS", "gateway_default");
    const info = await eventually(() => consumer().catch(() => undefined), "it is there again");
    expect(info.num_pending).toBe(2);
    expect(await wanted()).toBe(1);
  });

  test("nats-server's restart: an event after it wakes the driver", async () => {
    await install(eager);
    await becomes(0);
    await bus.connection.close();
    await world.nats.end("SIGKILL");
    await world.waitFor(namespace, "gateway", "ScalingActive", "False", "LagUnknown");
    expect(await wanted()).toBe(0);
    await world.startNats();
    bus = await world.tenant(namespace);
    await publish("a.b");
    await becomes(1);
    await handle(1);
    await becomes(0);
  });

  test("the leader's change: another one goes on from what runs", async () => {
    await install({ ...eager, cooldownPeriod: 300 });
    await publish("a.b", 30);
    await becomes(3);
    await world.stopOperator();
    await handle(30);
    await world.startOperator();
    await world.waitFor(namespace, "gateway", "ScalingActive", "True");
    await seenToWait(0);
    expect(await wanted()).toBeGreaterThanOrEqual(1);
    await world.stopOperator();
    await publish("a.b", 50);
    await world.startOperator();
    await becomes(5);
  });
});

describe("a schedule that can't be right is refused with the field's name", () => {
  const schedule = { cron: "0 8 * * *", timezone: "Europe/Berlin", minReplicaCount: 1 };
  test.each([
    ["an unknown time zone", { ...schedule, timezone: "Mars/Base" }, "spec.scaling.schedules[0].timezone"],
    ["a day that never comes", { ...schedule, cron: "0 0 30 2 *" }, "spec.scaling.schedules[0].cron"],
  ])("%s", async (_, wrong, field) => {
    await world.apply(namespace, "gateway", { ...spec, scaling: { schedules: [wrong] } });
    const { message } = await world.waitFor(namespace, "gateway", "Accepted", "False", "ScheduleInvalid");
    expect(message).toContain(field);
  });

  test("one whose time has come holds without work", async () => {
    await install({ ...eager, schedules: [{ ...schedule, cron: "* * * * *", minReplicaCount: 2 }] });
    await becomes(2);
  });
});
