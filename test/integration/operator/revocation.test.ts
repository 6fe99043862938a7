import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { NatsConnection } from "@nats-io/transport-node";
import { API_VERSION, Capabilities, EventBusSpec } from "@vextir/api";
import { NatsBusAuthority } from "@vextir/operator/bus/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { collection, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());

const GATEWAY = { class: "IO", module: "gateway", capabilities: { publish: ["chat.message.received"] } };

/** A driver with an open connection, whose pod runs and does not end by itself. */
interface Victim {
  token: string;
  connection: NatsConnection;
}

beforeEach(async () => {
  namespace = await world.api.namespace();
});

async function victim(): Promise<Victim> {
  await world.apply(namespace, "gateway", GATEWAY);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  const token = await world.token(namespace, "gateway");
  for (const { metadata } of await world.list("v1", "pods", namespace)) {
    const path = `${collection("v1", "pods", namespace)}/${metadata.name}/status`;
    await world.api.request("MERGE", path, { status: { phase: "Running" } });
  }
  return { token, connection: await world.connectWith(token) };
}

/** Waits until the connection was kicked and the token is refused; how long that took from `began`, printed. */
async function revoked({ token, connection }: Victim, began: number, what: string): Promise<void> {
  await connection.closed();
  const kickedMs = performance.now() - began;
  await eventually(
    () =>
      world.connectWith(token).then(
        async (open) => {
          await open.close();
          return false;
        },
        () => true,
      ),
    "the token is refused",
  );
  const refusedMs = performance.now() - began;
  process.stdout.write(
    `${what}: kicked after ${kickedMs.toFixed(0)} ms, refused after ${refusedMs.toFixed(0)} ms\n`,
  );
  expect(kickedMs).toBeLessThan(PROMPTLY_MS);
  expect(refusedMs).toBeLessThan(PROMPTLY_MS);
}

const driverPath = () => `${collection(API_VERSION, "drivers", namespace)}/gateway`;

/** As `kubectl patch --type=merge -p '{"metadata":{"finalizers":[]}}'`, and the deletion. */
async function deleteByForce(): Promise<void> {
  await world.api.request("MERGE", driverPath(), { metadata: { finalizers: [] } });
  await world.api.request("DELETE", driverPath());
}

describe("with the operator there", () => {
  test("a Driver that is deleted", async () => {
    const gone = await victim();
    const began = performance.now();
    await world.delete(namespace, "gateway");
    await revoked(gone, began, "deleted");
  });

  test("a Driver that is deleted by force, without its finalizer", async () => {
    const gone = await victim();
    const began = performance.now();
    await deleteByForce();
    await revoked(gone, began, "deleted by force");
    expect(await world.accounts(namespace)).toEqual([]);
  });
});

describe("with the operator away at the moment of the deletion", () => {
  /** From the moment at which it leads again; before, nobody may do anything. */
  async function leads(): Promise<number> {
    await world.startOperator();
    return performance.now();
  }

  test("a Driver that is deleted", async () => {
    const gone = await victim();
    await world.stopOperator();
    await world.delete(namespace, "gateway");
    await revoked(gone, await leads(), "deleted while nobody led");
    await eventually(async () => !(await world.driver(namespace, "gateway")), "it is gone");
  });

  test("a Driver that is deleted by force", async () => {
    const gone = await victim();
    await world.stopOperator();
    await deleteByForce();
    await revoked(gone, await leads(), "deleted by force while nobody led");
    await eventually(async () => (await world.accounts(namespace)).length === 0, "no account");
  });

  test("a Driver that is deleted by force and made again under its name: the new one is let in", async () => {
    const gone = await victim();
    await world.stopOperator();
    await deleteByForce();
    await world.api.request("DELETE", `${collection("v1", "serviceaccounts", namespace)}/driver-gateway`);
    await world.apply(namespace, "gateway", GATEWAY);
    await revoked(gone, await leads(), "made again while nobody led");
    await eventually(async () => {
      const connection = await world.connectAs(namespace, "gateway");
      await connection.close();
      return true;
    }, "the new one is let in");
  });

  test("an account that no Driver ever owned", async () => {
    const { connection } = await victim();
    await world.stopOperator();
    const ids = new Map<string, string>();
    const pinned = {
      get: async (name: string) => ids.get(name),
      put: async (name: string, id: string) => void ids.set(name, id),
      remove: async () => {},
    };
    const authority = NatsBusAuthority.connect({ servers: [world.nats.url], realm: world.realm, pinned });
    const tenant = { namespace: `${namespace}-x`, uid: randomUUID(), spec: EventBusSpec.parse({}) };
    await authority.ensureTenant(tenant);
    const nobody = { namespace: tenant.namespace, name: "nobody", uid: randomUUID() };
    await authority.ensureDriver({
      ...nobody,
      subscriptions: [],
      capabilities: Capabilities.parse({}),
      peers: new Map(),
    });
    expect(await world.accounts(nobody.namespace)).toEqual(["nobody"]);
    await authority.stop();
    const began = await leads();
    await eventually(async () => (await world.accounts(nobody.namespace)).length === 0, "collected");
    process.stdout.write(`nobody's account: collected after ${(performance.now() - began).toFixed(0)} ms\n`);
    expect(performance.now() - began).toBeLessThan(PROMPTLY_MS);
    await connection.close();
  });
});

const publish = (connection: NatsConnection, subject: string) =>
  connection.request(subject, "x", { timeout: 1_000 }).then(
    () => true,
    () => false,
  );

test("a grant that is edited bites on the open connection, both ways", async () => {
  const { connection } = await victim();
  const granted = "evt.gateway.0.chat.message.received";
  const other = "evt.gateway.0.chat.message.sent";
  expect([await publish(connection, granted), await publish(connection, other)]).toEqual([true, false]);
  const began = performance.now();
  await world.apply(namespace, "gateway", { ...GATEWAY, capabilities: { publish: ["chat.message.sent"] } });
  await eventually(() => publish(connection, other), "the new grant");
  const givenMs = performance.now() - began;
  await eventually(async () => !(await publish(connection, granted)), "the old one is gone");
  const takenMs = performance.now() - began;
  process.stdout.write(`grant given after ${givenMs.toFixed(0)} ms, taken after ${takenMs.toFixed(0)} ms\n`);
  expect(Math.max(givenMs, takenMs)).toBeLessThan(PROMPTLY_MS);
  expect(connection.isClosed()).toBe(false);
  await connection.close();
});
