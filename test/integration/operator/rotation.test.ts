import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fromSeed } from "@nats-io/nkeys";
import { connect, errors, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { type BusUser, createRealm, type Realm } from "@vextir/operator/bus/index.ts";
import type { KeyRotations, RotationRequest } from "@vextir/operator/keys/index.ts";
import type { Operator } from "@vextir/operator/operator.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { openRotations } from "./rotating.ts";
import { SYSTEM, World } from "./world.ts";

let world: World;
let second: Operator;
let opened: Awaited<ReturnType<typeof openRotations>>;
let rotations: KeyRotations;
let namespace: string;
let open: NatsConnection;
let reconnects = 0;

const GATEWAY = { class: "IO", module: "gateway", capabilities: { publish: ["chat.message.received"] } };

beforeAll(async () => {
  world = await World.start();
  second = world.newOperator({ pod: "vextir-operator-1" });
  second.run().catch(() => {});
  opened = await openRotations(world);
  ({ rotations } = opened);
  namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", GATEWAY);
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  const token = await world.token(namespace, "gateway");
  open = await connect({
    servers: world.busUrl,
    authenticator: tokenAuthenticator(token),
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 50,
    reconnectJitter: 10,
  });
  void (async () => {
    for await (const { type } of open.status()) if (type === "reconnect") reconnects++;
  })();
});
afterAll(async () => {
  await open?.close();
  await second?.stop();
  await opened?.close();
  await world?.stop();
});

async function rotate(request: RotationRequest) {
  const began = performance.now();
  const id = await rotations.begin(request);
  const { last } = await eventually(async () => {
    const status = await rotations.status();
    return !status.rotation && status.last?.id === id && status;
  }, "the rotation ends");
  process.stdout.write(
    `${last?.what}: ${last?.outcome} after ${(performance.now() - began).toFixed(0)} ms\n`,
  );
  return last;
}

/** What another knows who has seen the keys of that time. */
const snapshot = () => createRealm(world.realm.material);

const publish = async (connection: NatsConnection) => {
  const answer = await connection.request("evt.gateway.0.chat.message.received", "x", { timeout: 10_000 });
  return answer.json<{ stream: string; seq: number }>();
};

async function isLetIn({ jwt, key }: { jwt: string; key: Pick<BusUser["key"], "sign"> }): Promise<boolean> {
  const authenticator = (nonce?: string) => ({
    jwt,
    ...(nonce && { sig: key.sign(nonce).toString("base64url") }),
  });
  try {
    await (await connect({ servers: world.busUrl, authenticator, reconnect: false })).close();
    return true;
  } catch (error) {
    if (error instanceof errors.AuthorizationError) return false;
    throw error;
  }
}

/** A user of the driver's account, by the keys of that time. */
async function driverUser(realm: Realm): Promise<BusUser> {
  const { uid } = (await world.driver(namespace, "gateway")).metadata;
  const { key } = realm.systemUser();
  return { key, jwt: realm.signUser(realm.driverAccount(uid), { name: "x", subject: key.publicKey }) };
}

async function tenantUser(realm: Realm): Promise<BusUser> {
  const pinned = await world.get("v1", "secrets", SYSTEM, "vextir-bus-accounts");
  return realm.tenantUser(realm.accountKeys(Buffer.from(pinned.data[namespace], "base64").toString()));
}

/** What the operator gave the context hub. */
async function hubUser(): Promise<{ jwt: string; seed: Uint8Array }> {
  const { data } = await world.get("v1", "secrets", SYSTEM, "vextir-hub-bus");
  const text = Buffer.from(data["hub.creds"], "base64").toString();
  const [jwt = "", seed = ""] = [/eyJ[\w.-]+/, /^SU[A-Z2-7]{56}$/m].map((part) => part.exec(text)?.[0]);
  return { jwt, seed: Buffer.from(seed) };
}

async function isHubLetIn({ jwt, seed }: { jwt: string; seed: Uint8Array }): Promise<boolean> {
  const key = fromSeed(seed);
  return isLetIn({ jwt, key: { sign: (nonce: string) => Buffer.from(key.sign(Buffer.from(nonce))) } });
}

async function stored(): Promise<number> {
  await world.readKeys();
  const { connection, jetstream } = await world.tenant(namespace);
  const { state } = await jetstream.streams.info("EVENTS");
  await connection.close();
  return state.messages;
}

test("a driver's key: its connection comes back by itself, and the key before is refused", async () => {
  const before = snapshot();
  expect(await isLetIn(await driverUser(before))).toBe(true);
  await publish(open);
  expect(await rotate({ kind: "driver", namespace, name: "gateway" })).toMatchObject({ outcome: "Done" });
  await eventually(async () => reconnects === 1, "back");
  await eventually(() => publish(open), "publishes");
  expect(await isLetIn(await driverUser(before))).toBe(false);
  await world.readKeys();
  expect(await isLetIn(await driverUser(world.realm))).toBe(true);
});

test("a tenant's keys: those of its bus and of its drivers; its data stays", async () => {
  const before = snapshot();
  const messages = await stored();
  expect(messages).toBeGreaterThan(0);
  expect(await rotate({ kind: "tenant", namespace })).toMatchObject({ outcome: "Done" });
  expect(await isLetIn(await tenantUser(before))).toBe(false);
  expect(await isLetIn(await driverUser(before))).toBe(false);
  expect(await stored()).toBe(messages);
  await eventually(() => publish(open), "publishes");
});

test("the operator's key: nobody is disturbed; a second time only when NATS was restarted", async () => {
  const before = snapshot();
  const connected = reconnects;
  expect(await rotate({ kind: "operator" })).toMatchObject({ outcome: "Done" });
  await world.readKeys();
  expect(world.realm.signer).not.toBe(before.signer);
  expect(world.realm.operatorSigningKeys).not.toContain(before.signer);
  expect(reconnects).toBe(connected);
  await publish(open);
  const second = await rotate({ kind: "operator" });
  expect(second).toMatchObject({ outcome: "Refused", message: expect.stringContaining("restart") });
  await publish(open);
  await world.restartNats();
  await eventually(() => publish(open), "back");
  expect(await rotate({ kind: "operator" })).toMatchObject({ outcome: "Done" });
});

test("the master: everybody goes on before and after the restart, and what followed from the one before is refused", async () => {
  await world.restartNats();
  await eventually(() => publish(open), "back");
  const before = snapshot();
  const messages = await stored();
  const hub = await hubUser();
  expect(await rotate({ kind: "master" })).toMatchObject({ outcome: "Done" });
  // The context hub, whose pod is brought the new one in a minute.
  for (const user of [hub, await hubUser()]) expect(await isHubLetIn(user)).toBe(true);
  expect(await rotations.status()).toMatchObject({ awaitsRestart: true });
  await expect(rotations.begin({ kind: "master" })).rejects.toMatchObject({ code: "Busy" });
  await eventually(() => publish(open), "back");
  await (await world.connectAs(namespace, "gateway")).close();
  expect(await isLetIn(await driverUser(before))).toBe(false);
  expect(await isLetIn(await tenantUser(before))).toBe(false);
  const began = performance.now();
  await world.restartNats();
  await eventually(async () => !(await rotations.status()).awaitsRestart, "the one before is forgotten");
  await eventually(() => publish(open), "back");
  process.stdout.write(`restarted: back after ${(performance.now() - began).toFixed(0)} ms\n`);
  await (await world.connectAs(namespace, "gateway")).close();
  await eventually(async () => !(await isLetIn(before.systemUser())), "no key of before");
  expect(await isHubLetIn(hub)).toBe(false);
  expect(await isHubLetIn(await hubUser())).toBe(true);
  for (const user of [before.calloutUser(), before.reportUser(), await tenantUser(before)])
    expect(await isLetIn(user)).toBe(false);
  expect(await stored()).toBeGreaterThan(messages);
  const { data } = await world.get("v1", "secrets", SYSTEM, "vextir-master");
  const old = Buffer.from(before.material.master).toString("base64");
  expect(Object.values(data)).not.toContain(old);
  // Whoever has seen the secret of before can make no account either.
  expect(
    world.realm.operatorSigningKeys.filter((key) => before.operatorSigningKeys.slice(0, 2).includes(key)),
  ).toEqual([]);
  // A driver that is made now is as good as one before.
  await world.apply(namespace, "other", GATEWAY);
  await world.waitFor(namespace, "other", "BusAccessReady", "True");
  await (await world.connectAs(namespace, "other")).close();
});

test("one at a time, and only what is there", async () => {
  const nobody = { kind: "driver", namespace, name: "nobody" } as const;
  await expect(rotations.begin(nobody)).rejects.toMatchObject({ code: "NotFound" });
  await expect(rotations.begin({ kind: "tenant", namespace: "nowhere" })).rejects.toMatchObject({
    code: "NotFound",
  });
  await rotations.begin({ kind: "tenant", namespace });
  await expect(rotations.begin({ kind: "operator" })).rejects.toMatchObject({ code: "Busy" });
});
