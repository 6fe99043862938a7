import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { BusError } from "@vextir/operator/bus/authority.ts";
import { BusConnection } from "@vextir/operator/bus/bus-connection.ts";
import { TenantConnections } from "@vextir/operator/bus/tenant-connections.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";

const TENANTS = ["one", "two", "three", "four"];

let bus: TestBus;
let ids: string[];

beforeAll(async () => {
  bus = await startBus();
  for (const namespace of TENANTS) await bus.tenant(namespace);
  ids = await Promise.all(TENANTS.map(async (namespace) => (await bus.pinned.get(namespace)) ?? ""));
});
afterAll(() => bus?.stop());

const pool = (options: { maxOpen?: number; idleMs?: number }) =>
  new TenantConnections({ endpoint: { servers: bus.urls }, realm: bus.realm, ...options });

test("connections to tenants are bounded; the one that was used longest ago makes room, and none that is in use", async () => {
  const admins = pool({ maxOpen: 2 });
  try {
    const open = new Set<object>();
    let most = 0;
    const use = (id: string, work: () => Promise<void> = async () => {}) =>
      admins.use(id, "look", async ({ connection, jetstream }) => {
        await jetstream.streams.info("EVENTS");
        if (!open.has(connection)) {
          open.add(connection);
          void connection.closed().then(() => open.delete(connection));
        }
        most = Math.max(most, open.size);
        await work();
      });
    for (const id of [...ids, ...ids]) {
      await use(id);
      await eventually(() => open.size <= 2);
    }
    expect(most).toBeLessThanOrEqual(3);

    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const busy = ids.slice(0, 2).map((id) => use(id, () => held));
    await eventually(() => open.size === 2);
    await expect(use(ids[2] ?? "")).rejects.toBeInstanceOf(BusError);
    release();
    await Promise.all(busy);
    await use(ids[2] ?? "");
  } finally {
    admins.stop();
  }
});

test("one that nobody uses is closed after a time, and opened again when it is needed", async () => {
  const admins = pool({ idleMs: 200 });
  try {
    const connect = () => admins.use(ids[0] ?? "", "look", async ({ connection }) => connection);
    const first = await connect();
    await eventually(() => first.isClosed());
    expect((await connect()).isClosed()).toBe(false);
  } finally {
    admins.stop();
  }
});

test("an operator that knows nothing finds streams and consumers as they are wanted, and changes none", async () => {
  const driver = await bus.driver("reader", {
    namespace: "one",
    subscriptions: [
      { name: "default", types: ["a.b"] },
      {
        name: "other",
        types: ["c.>", "d.*"],
        delivery: { maxAckPending: 1, ackWait: "5s" },
        ordering: "ByKey",
      },
    ],
    capabilities: { state: true, publish: ["a.b"] },
  });
  const changes: string[] = [];
  const admins = pool({});
  try {
    await admins.use(ids[0] ?? "", "watch", async ({ connection }) => {
      connection.subscribe("$JS.EVENT.ADVISORY.API", {
        callback: (_error, message) => {
          const { subject } = message.json<{ subject: string }>();
          if (/\.(CREATE|UPDATE|DELETE|PURGE)\b/.test(subject)) changes.push(subject);
        },
      });
      await connection.flush();
      await bus.authority.stop();
      bus.authority = bus.newAuthority();
      await eventually(() => bus.tenant("one"));
      await bus.authority.ensureDriver(driver);
      await connection.flush();
      expect(changes).toEqual([]);
      const [first] = driver.subscriptions;
      const slower = first && { ...first, delivery: { ...first.delivery, maxAckPending: 7 } };
      const subscriptions = [...(slower ? [slower] : []), ...driver.subscriptions.slice(1)];
      await bus.authority.ensureDriver({ ...driver, subscriptions });
      await eventually(() => changes.length > 0);
    });
    const changed = changes.map((subject) => subject.replace(/^.*\.(\w+)$/, "$1"));
    expect(new Set(changed)).toEqual(new Set(["reader_default"]));
  } finally {
    admins.stop();
  }
});

test("a connection is ended also while the bus is away, and does not come back with it", async () => {
  const warnings: string[] = [];
  const connection = new BusConnection({
    endpoint: { servers: bus.urls },
    name: "vextir-reports",
    user: bus.realm.reportUser,
    log: { info: () => {}, warn: (_, message) => void warnings.push(message) },
  });
  const client = await connection.get(10_000);
  await bus.server.end("SIGKILL");
  await eventually(() => warnings.includes("bus connection lost"));
  await connection.stop();
  expect(client.isClosed()).toBe(true);
  await bus.startServer(0);
});
