import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { connect, type NatsConnection, tokenAuthenticator } from "@nats-io/transport-node";
import { retried } from "../../fixtures/eventually.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { request } from "./world.ts";

let bus: TestBus;
const open: NatsConnection[] = [];
beforeAll(async () => {
  bus = await startBus();
});
afterAll(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await bus.stop();
});

const WORKER = {
  subscriptions: [{ types: ["job"] }],
  capabilities: { publish: ["job"], state: true },
};

const reconnecting = async (name: string): Promise<NatsConnection> => {
  const token = await bus.token({ name });
  const connection = await connect({
    servers: bus.url,
    authenticator: tokenAuthenticator(() => token),
    reconnectTimeWait: 50,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
  });
  open.push(connection);
  return connection;
};

describe("nats-server crashes", () => {
  test("everything reconnects by itself, and nothing that was acknowledged is lost", async () => {
    await bus.driver("worker", WORKER);
    const connection = await reconnecting("worker");
    for (let i = 0; i < 50; i++) await request(connection, "evt.worker.0.job", String(i));
    await bus.server.end("SIGKILL");
    await expect(bus.driver("worker", { ...WORKER, capabilities: {} })).rejects.toMatchObject({
      code: "Unavailable",
    });
    await bus.startServer();
    await retried(() => bus.driver("worker", WORKER));
    await retried(() => request(connection, "evt.worker.0.job", "50"));
    const consumer = await jetstream(connection, { apiPrefix: "BUS.API" }).consumers.get(
      "EVENTS",
      "worker_default",
    );
    const got: string[] = [];
    for await (const message of await consumer.fetch({ max_messages: 51, expires: 5_000 })) {
      got.push(message.string());
      if (!(await message.ackAck())) throw new Error("not acknowledged");
    }
    expect(got).toEqual(Array.from({ length: 51 }, (_, i) => String(i)));
  });

  test("and comes back without its data: the authority makes everything anew", async () => {
    const worker = await bus.driver("worker", WORKER);
    await bus.server.end("SIGKILL");
    await bus.wipe();
    await bus.startServer();
    await retried(() => bus.tenant());
    await retried(() => bus.authority.ensureDriver(worker));
    const connection = await retried(() => bus.connect(worker));
    expect(JSON.parse(await request(connection, "evt.worker.0.job", "x"))).toMatchObject({ seq: 1 });
    await connection.close();
  });
});

describe("the operator crashes", () => {
  test("before it did anything of an edit, in the middle, or after: the next one comes to the same", async () => {
    const worker = await bus.driver("worker", WORKER);
    const { connection: admin, jetstream: manager } = await bus.admin();
    const damages: (() => Promise<unknown>)[] = [
      async () => {},
      () => manager.consumers.delete("EVENTS", "worker_default"),
      () => manager.streams.delete("KV_worker"),
      () =>
        manager.consumers.add("EVENTS", {
          durable_name: "worker_old",
          ack_policy: "explicit",
          filter_subject: "evt.*.*.x",
        }),
      () => bus.authority.removeDriverAccount(worker),
      () => manager.streams.delete("DEADLETTERS"),
    ];
    for (const damage of damages) {
      await damage();
      await bus.authority.stop();
      bus.authority = bus.newAuthority();
      await bus.tenant();
      await bus.authority.ensureDriver(worker);
      const consumers = [];
      for await (const { name } of manager.consumers.list("EVENTS")) consumers.push(name);
      expect(consumers).toEqual(["worker_default"]);
      const streams = [];
      for await (const name of manager.streams.names()) streams.push(name);
      expect(streams.sort()).toEqual([
        "ADVISORIES",
        "DEADLETTERS",
        "DIRECTED",
        "EVENTS",
        "HANDLINGS",
        "KV_worker",
      ]);
      const connection = await bus.connect(worker);
      await request(connection, "evt.worker.0.job", "x");
      await connection.close();
    }
    await admin.close();
  });

  test("accounts whose Driver went while it was down can be found and removed", async () => {
    const orphan = await bus.driver("orphan");
    await bus.authority.stop();
    bus.authority = bus.newAuthority();
    const { namespace, name, uid } = orphan;
    expect(await bus.authority.listDriverAccounts()).toContainEqual({ namespace, name, uid });
    await bus.authority.removeDriverAccount(orphan);
    expect(await bus.authority.listDriverAccounts()).not.toContainEqual({ namespace, name, uid });
  });
});

test("an authority that starts before the bus is Unavailable, and then serves", async () => {
  await bus.authority.stop();
  await bus.server.end("SIGTERM");
  bus.authority = bus.newAuthority();
  await expect(bus.tenant()).rejects.toMatchObject({ code: "Unavailable" });
  await bus.startServer();
  await retried(() => bus.tenant());
});

test("many drivers are made at once over few connections", async () => {
  const names = Array.from({ length: 60 }, (_, i) => `many-${i}`);
  const namespaces = Array.from({ length: 6 }, (_, i) => `tenant-${i}`);
  await Promise.all(namespaces.map((namespace) => bus.tenant(namespace)));
  await Promise.all(
    names.map((name, i) =>
      bus.driver(name, { ...WORKER, namespace: namespaces[i % namespaces.length] ?? "" }),
    ),
  );
  const made = (await bus.authority.listDriverAccounts()).map(({ name }) => name);
  expect(made).toEqual(expect.arrayContaining(names));
});
