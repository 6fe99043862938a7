import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { API_VERSION } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

const EVENT = new Uint8Array(32 * 1_024);
/** Far more than could be taken until somebody looks twice. */
const FLOOD = 20_000;

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
  namespace = await world.api.namespace();
  const bus = { apiVersion: API_VERSION, kind: "EventBus", metadata: { name: "default" } };
  const spec = {
    publishQuota: { bytesPerSecond: "8Mi", burst: "1Mi" },
    events: { maxBytes: "64Mi", maxMsgsPerSubject: 100 },
  };
  await world.api.request("POST", collection(API_VERSION, "eventbuses", namespace), { ...bus, spec });
});
afterAll(() => world?.stop());

async function driver(name: string): Promise<NatsConnection> {
  const capabilities = { publish: ["chat.message.received"] };
  await world.apply(namespace, name, { class: "IO", module: "gateway", capabilities });
  await world.waitFor(namespace, name, "BusAccessReady", "True");
  return world.connectWith(await world.token(namespace, name));
}

/** Answers false when the bus takes it not. */
const publish = (connection: NatsConnection, name: string, data = EVENT) =>
  connection.request(`evt.${name}.0.chat.message.received`, data, { timeout: 10_000 }).then(
    (answer) => answer.json<{ seq?: number }>().seq !== undefined,
    () => false,
  );

test("a driver beyond its quota is held back, others are not, and it may publish again", async () => {
  const [flooder, other] = [await driver("flooder"), await driver("other")];
  expect(await publish(flooder, "flooder")).toBe(true);
  const seen = world.waitFor(namespace, "flooder", "BusAccessReady", "False");
  let taken = 1;
  while (taken < FLOOD && (await publish(flooder, "flooder"))) taken++;
  expect(taken).toBeGreaterThanOrEqual(32);
  expect(taken).toBeLessThan(FLOOD);
  expect(await seen).toMatchObject({
    reason: "PublishQuotaExceeded",
    message: expect.stringContaining("8388608 bytes per second"),
  });
  expect(await publish(other, "other")).toBe(true);
  const began = performance.now();
  await eventually(() => publish(flooder, "flooder", new Uint8Array(1)), "it may publish again", 240_000);
  await world.waitFor(namespace, "flooder", "BusAccessReady", "True");
  process.stdout.write(
    `${taken} events of 32 KiB were taken; published again ${((performance.now() - began) / 1_000).toFixed(1)} s after the refusal\n`,
  );
  expect(flooder.isClosed()).toBe(false);
  await Promise.all([flooder.close(), other.close()]);
}, 300_000);

test("of one publisher and type no more is kept than the EventBus says", async () => {
  const small = await driver("small");
  for (let i = 0; i < 150; i++) expect(await publish(small, "small", new Uint8Array(1))).toBe(true);
  const { connection: admin, jetstream } = await world.tenant(namespace);
  const { state } = await jetstream.streams.info("EVENTS", { subjects_filter: "evt.small.>" });
  expect(Object.values(state.subjects ?? {})).toEqual([100]);
  await Promise.all([small.close(), admin.close()]);
});

test("headers count as well", async () => {
  const driverOf = await driver("header");
  const wide = headers();
  wide.set("wide", "x".repeat(30_000));
  const request = () =>
    driverOf.request("evt.header.0.chat.message.received", "", { headers: wide, timeout: 10_000 });
  for (
    let i = 0;
    i < FLOOD &&
    (await request().then(
      ({ data }) => data.length > 0,
      () => false,
    ));
    i++
  );
  await world.waitFor(namespace, "header", "BusAccessReady", "False");
  await driverOf.close();
});

test("messages of nothing but a subject count as well", async () => {
  const tenant = await world.api.namespace();
  const bus = { apiVersion: API_VERSION, kind: "EventBus", metadata: { name: "default" } };
  const spec = { publishQuota: { bytesPerSecond: "1Ki", burst: "64Ki" }, events: { maxBytes: "64Mi" } };
  await world.api.request("POST", collection(API_VERSION, "eventbuses", tenant), { ...bus, spec });
  const capabilities = { publish: ["chat.message.received"] };
  await world.apply(tenant, "empty", { class: "IO", module: "gateway", capabilities });
  await world.waitFor(tenant, "empty", "BusAccessReady", "True");
  const empty = await world.connectWith(await world.token(tenant, "empty"));
  await eventually(async () => {
    for (let i = 0; i < 1_000; i++) empty.publish("evt.empty.0.chat.message.received");
    await empty.flush();
    return (await world.condition(tenant, "empty", "BusAccessReady"))?.reason === "PublishQuotaExceeded";
  }, "it is held back");
  await empty.close();
});
