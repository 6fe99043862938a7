import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { OperatorProcess } from "./operator-process.ts";
import { SYSTEM, World } from "./world.ts";

let world: World;
let operator: OperatorProcess | undefined;

beforeAll(async () => {
  world = await World.start({ operator: false });
  operator = await OperatorProcess.start(world);
  await world.startNats();
});
afterAll(async () => {
  await operator?.stop();
  await world?.stop();
});

/** Ends the Lease of a killed leader, as its fifteen seconds would; then another one starts at once. */
async function restart(): Promise<void> {
  await operator?.crash();
  operator?.start();
}

const spec = (change: object = {}) => ({
  class: "Agent",
  module: "assistant",
  ports: [{ name: "http", containerPort: 8080 }],
  subscriptions: [{ types: ["chat.message.received"] }],
  capabilities: { publish: ["chat.message.sent"], call: ["c0.x"], state: true },
  ...change,
});

/** What the operator made, without what differs from run to run. */
async function madeIn(namespace: string): Promise<unknown> {
  const { connection, jetstream } = await world.tenant(namespace);
  const consumers: string[] = [];
  for await (const { name, config } of jetstream.consumers.list("EVENTS"))
    consumers.push(`${name} ${config.filter_subjects ?? config.filter_subject}`);
  const streams: string[] = [];
  for await (const name of jetstream.streams.names()) streams.push(name);
  await connection.close();
  const objects = await Promise.all(
    [
      ["apps/v1", "deployments"],
      ["v1", "services"],
      ["v1", "serviceaccounts"],
      ["networking.k8s.io/v1", "networkpolicies"],
      ["policy/v1", "poddisruptionbudgets"],
    ].map(([version = "", plural = ""]) => world.list(version, plural, namespace)),
  );
  return {
    accounts: await world.accounts(namespace),
    consumers: consumers.sort(),
    streams: streams.sort(),
    objects: objects.map((list) => list.map(({ metadata }) => metadata.name).sort()),
    replicas: objects[0]?.map(({ metadata, spec }) => `${metadata.name} ${spec.replicas}`).sort(),
  };
}

async function settled(namespace: string, names: readonly string[]): Promise<void> {
  for (const name of names) await world.waitFor(namespace, name, "SubscriptionsReady", "True");
  await eventually(
    async () => (await world.list("apps/v1", "deployments", namespace)).length === names.length,
    "every Deployment",
  );
}

const COUNT = 12;
const names = Array.from({ length: COUNT }, (_, index) => `c${index}`);

async function makeAll(namespace: string): Promise<void> {
  for (const name of names) await world.apply(namespace, name, spec());
}

async function changeAll(namespace: string): Promise<string[]> {
  for (const name of names.slice(0, 4)) await world.apply(namespace, name, spec({ replicas: 2 }));
  for (const name of names.slice(4, 8))
    await world.apply(namespace, name, spec({ ports: [], subscriptions: [] }));
  for (const name of names.slice(8)) await world.delete(namespace, name);
  return names.slice(0, 8);
}

test("killed at any moment and started again, it comes to the same state as undisturbed", async () => {
  const [calm, stormy] = [await world.api.namespace(), await world.api.namespace()];
  await makeAll(calm);
  await settled(calm, names);
  const left = await changeAll(calm);
  await settled(calm, left);
  await eventually(async () => !(await world.driver(calm, "c11")), "the deleted ones are gone");
  const wanted = await eventually(async () => {
    const made = await madeIn(calm);
    return (made as { objects: string[][] }).objects[1]?.length === 4 && made;
  }, "no prunings left");

  // Kills spread over the time that the work takes.
  await Promise.all([makeAll(stormy), stormOf(4)]);
  await settled(stormy, names);
  await Promise.all([changeAll(stormy), stormOf(4)]);
  await settled(stormy, left);
  await eventually(async () => {
    const found = await Promise.all(names.slice(8).map((name) => world.driver(stormy, name)));
    return found.every((driver) => driver === undefined);
  }, "the deleted ones are gone");
  await eventually(async () => {
    expect(await madeIn(stormy)).toEqual(wanted);
    return true;
  }, "the same state");
});

const leads = () =>
  eventually(async () => {
    const lease = await world.get("coordination.k8s.io/v1", "leases", SYSTEM, "vextir-operator");
    return lease?.spec?.holderIdentity;
  }, "it leads");

/** Each operator lives for some part of the time that it needs to get to work and to end it. */
async function stormOf(kills: number): Promise<void> {
  for (let n = 0; n < kills; n++) {
    await restart();
    await leads();
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 600));
  }
  await restart();
}

test("asked to end, it gives the Lease away and ends by itself", async () => {
  await restart();
  await leads();
  expect(await operator?.end()).toBe(0);
  const lease = await world.get("coordination.k8s.io/v1", "leases", SYSTEM, "vextir-operator");
  expect(lease.spec.holderIdentity ?? "").toBe("");
});
