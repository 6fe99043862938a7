import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { API_VERSION, type Condition } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { OUTAGE_MS, outage } from "../../fixtures/outage.ts";
import { collection, SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});

const gateway = { class: "IO", module: "gateway" };
const bus = () => world.get(API_VERSION, "eventbuses", namespace, "default");
const path = () => `${collection(API_VERSION, "eventbuses", namespace)}/default`;
const apply = (spec: object) =>
  world.api.request("APPLY", path(), {
    apiVersion: API_VERSION,
    kind: "EventBus",
    metadata: { name: "default" },
    spec,
  });

const ready = (status: string, reason?: string) =>
  eventually(async () => {
    const found = await bus();
    const condition: Condition = found?.status?.conditions?.[0];
    const fits = condition?.status === status && condition.observedGeneration === found.metadata.generation;
    return fits && (reason === undefined || condition.reason === reason) && condition;
  }, `the EventBus is Ready=${status} ${reason}`);

test("is made where there are Drivers, without an owner, and stays when they are gone", async () => {
  await world.apply(namespace, "gateway", gateway);
  await ready("True");
  const found = await bus();
  expect(found.metadata.ownerReferences).toBeUndefined();
  expect(found.spec.events).toEqual({ maxAge: "168h", maxBytes: "1Gi" });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  await world.delete(namespace, "gateway");
  await eventually(async () => !(await world.driver(namespace, "gateway")), "gone");
  expect((await bus()).metadata.deletionTimestamp).toBeUndefined();
});

test("its limits are the streams'", async () => {
  await apply({ events: { maxAge: "1h", maxBytes: "8Mi" } });
  await ready("True");
  await apply({ events: { maxAge: "2h", maxBytes: "16Mi" } });
  await ready("True");
  const { connection, jetstream } = await world.tenant(namespace);
  const { config } = await jetstream.streams.info("EVENTS");
  expect(config).toMatchObject({ max_age: 2 * 3_600e9, max_bytes: 16 * 2 ** 20 });
  await connection.close();
});

test("a limit that the server can't keep is a condition", async () => {
  await apply({ maxEventBytes: "1Gi" });
  expect((await ready("False", "Invalid")).message).toContain("maxEventBytes");
  await world.apply(namespace, "gateway", gateway);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "Unknown", "EventBusNotReady");
  await apply({ maxEventBytes: "1Mi" });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
});

test("waits for its Drivers when it is deleted, and keeps the events by default", async () => {
  await world.apply(namespace, "gateway", gateway);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  const pinned = async () =>
    (await world.get("v1", "secrets", SYSTEM, "vextir-bus-accounts")).data[namespace];
  const account = await pinned();
  await world.api.request("DELETE", path());
  await ready("False", "InUse");
  await world.delete(namespace, "gateway");
  await eventually(async () => !(await bus()), "no EventBus");
  expect(await pinned()).toBe(account);
  await world.apply(namespace, "gateway", gateway);
  await ready("True");
  expect(await pinned()).toBe(account);
});

test("takes the events with it when it is told to", async () => {
  await apply({ deletionPolicy: "Delete", events: { maxBytes: "8Mi" } });
  await ready("True");
  const { connection } = await world.tenant(namespace);
  await world.api.request("DELETE", path());
  await eventually(async () => !(await bus()), "no EventBus");
  await connection.closed();
  const pinned = await world.get("v1", "secrets", SYSTEM, "vextir-bus-accounts");
  expect(pinned.data?.[namespace]).toBeUndefined();
});

test(
  "NATS that goes away is a condition, and everything goes on when it is back",
  async () => {
    await world.apply(namespace, "gateway", gateway);
    await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
    await world.nats.end("SIGKILL");
    await world.apply(namespace, "late", gateway);
    await world.waitFor(namespace, "late", "BusAccessReady", "False", "BusUnavailable");
    await world.delete(namespace, "gateway");
    await world.waitFor(namespace, "gateway", "BusAccessReady", "False", "NotRemoved");
    await outage();
    expect(await world.deployment(namespace, "late")).toBeUndefined();
    await world.startNats();
    await world.waitFor(namespace, "late", "BusAccessReady", "True");
    await eventually(async () => !(await world.driver(namespace, "gateway")), "gone");
    // Its ServiceAccount comes with its Deployment, and whoever lets it in hears of it a little later.
    await eventually(() => world.deployment(namespace, "late"), "its Deployment");
    const connection = await eventually(() => world.connectAs(namespace, "late"), "it is let in");
    await connection.close();
  },
  240_000 + OUTAGE_MS,
);
