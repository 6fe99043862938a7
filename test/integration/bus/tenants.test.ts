import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { retried } from "../../fixtures/eventually.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { request } from "./world.ts";

let bus: TestBus;
let admin: { connection: NatsConnection; jetstream: JetStreamManager };
beforeAll(async () => {
  bus = await startBus();
  admin = await bus.admin();
});
afterAll(async () => {
  await admin.connection.close();
  await bus.stop();
});

const GRANTS = {
  subscriptions: [{ types: ["note"] }],
  capabilities: { publish: ["note"], state: true, observe: [">"] },
};

describe("a tenant's streams", () => {
  test("follow the EventBus, and what nobody owns stays", async () => {
    await bus.tenant("team", { events: { maxAge: "1h", maxBytes: "8Mi" }, maxEventBytes: "64Ki" });
    expect((await admin.jetstream.streams.info("EVENTS")).config).toMatchObject({
      subjects: ["evt.>"],
      max_age: 3_600e9,
      max_bytes: 8 * 2 ** 20,
      max_msg_size: 65_536,
      storage: "file",
      republish: { src: "evt.>", dest: "pub.>" },
    });
    await bus.tenant();
    expect((await admin.jetstream.streams.info("EVENTS")).config).toMatchObject({ max_bytes: 64 * 2 ** 20 });
  });

  test.each([
    { spec: { maxEventBytes: "1Gi" }, reason: "an event larger than the server takes" },
    {
      spec: { duplicateWindow: "2h", events: { maxAge: "1h" } },
      reason: "a window longer than what is kept",
    },
  ])("can't be made with $reason: Invalid", async ({ spec }) => {
    await expect(bus.tenant("team", spec)).rejects.toMatchObject({ code: "Invalid" });
  });

  test("of one that is not there yet: drivers wait for it", async () => {
    await expect(bus.driver("early", { namespace: "nowhere" })).rejects.toMatchObject({
      code: "Unavailable",
    });
  });
});

describe("a driver's consumers", () => {
  const consumers = async () => {
    const found: Record<string, unknown> = {};
    for await (const { name, config } of admin.jetstream.consumers.list("EVENTS"))
      if (name.startsWith("sub_")) found[name] = config;
    return found;
  };

  test("are made, changed and removed as the subscriptions are", async () => {
    await bus.driver("sub", {
      subscriptions: [
        { types: ["a", "b.>"], delivery: { ackWait: "2s", maxDeliver: 3, maxAckPending: 7 } },
        { name: "second", types: ["c"], ordering: "ByKey" },
      ],
    });
    expect(await consumers()).toMatchObject({
      sub_default: {
        filter_subjects: ["evt.*.*.a", "evt.*.*.b.>"],
        ack_wait: 2e9,
        max_deliver: 13,
        max_ack_pending: 7,
        deliver_policy: "new",
      },
      "sub_second_16-0": { max_ack_pending: 1, filter_subjects: [0, 16, 32, 48].map((p) => `evt.*.${p}.c`) },
      "sub_second_16-15": { max_ack_pending: 1 },
    });
    await bus.driver("sub", { subscriptions: [{ types: ["d"], delivery: { ackWait: "3s" } }] });
    const one = await consumers();
    expect(Object.keys(one)).toEqual(["sub_default"]);
    expect(JSON.stringify(one)).toContain("evt.*.*.d");
    await bus.driver("sub", { subscriptions: [{ types: ["d", "e"] }] });
    expect(await consumers()).toMatchObject({ sub_default: { filter_subjects: ["evt.*.*.d", "evt.*.*.e"] } });
    const filters = [{ any: [{ exact: { type: "d.x" } }, { prefix: { type: "d.y." } }] }];
    await bus.driver("sub", { subscriptions: [{ types: ["d.>"], filters }] });
    expect(await consumers()).toMatchObject({
      sub_default: { filter_subjects: ["evt.*.*.d.x", "evt.*.*.d.y.>"] },
    });
    await bus.driver("sub");
    expect(await consumers()).toEqual({});
  });

  test("keep their place when they are changed", async () => {
    await bus.driver("sub", {
      subscriptions: [{ types: ["kept"] }],
      capabilities: { publish: ["kept", "more"] },
    });
    const connection = await bus.connect({ name: "sub" });
    for (let i = 0; i < 3; i++) await request(connection, "evt.sub.0.kept", "x");
    await bus.driver("sub", {
      subscriptions: [{ types: ["kept", "more"] }],
      capabilities: { publish: ["kept", "more"] },
    });
    await retried(async () =>
      expect(await admin.jetstream.consumers.info("EVENTS", "sub_default")).toMatchObject({ num_pending: 3 }),
    );
    await connection.close();
  });
});

test("a tenant's streams take more than the thousand consumers that nats-server allows where nothing is said", async () => {
  const { limits } = await admin.jetstream.getAccountInfo();
  expect(limits.max_consumers).toBe(100_000);
});

describe("a driver's bucket", () => {
  test("is made as a bucket that only its driver's own keys can change", async () => {
    await bus.driver("keeper", { capabilities: { state: true } });
    expect((await admin.jetstream.streams.info("KV_keeper")).config).toMatchObject({
      subjects: ["$KV.keeper.>"],
      max_msgs_per_subject: 1,
      allow_direct: true,
      allow_rollup_hdrs: false,
      allow_msg_ttl: true,
      discard: "new",
      max_bytes: 2 ** 20,
      republish: { src: "$KV.keeper.>", dest: "kvw.keeper.>" },
    });
  });

  test("outlives the grant, as long as the driver does", async () => {
    const keeper = await bus.driver("keeper", { capabilities: { state: true } });
    const connection = await bus.connect(keeper);
    await request(connection, "$KV.keeper.key", "kept");
    await bus.driver("keeper");
    await expect(request(connection, "$KV.keeper.key", "no")).rejects.toThrow();
    await bus.driver("keeper", { capabilities: { state: true } });
    expect(await request(connection, "BUS.API.DIRECT.GET.KV_keeper.$KV.keeper.key")).toBe("kept");
    await connection.close();
  });
});

describe("two tenants with drivers of the same names", () => {
  test("see nothing of each other", async () => {
    await bus.tenant("other");
    const here = await bus.connect(await bus.driver("same", GRANTS));
    const there = await bus.connect(await bus.driver("same", { ...GRANTS, namespace: "other" }));
    const heard: string[] = [];
    there.subscribe("pub.>", { callback: (_error, message) => void heard.push(message.string()) });
    await there.flush();
    await request(here, "evt.same.0.note", "of team");
    await request(here, "$KV.same.key", "of team");
    await request(there, "evt.same.0.note", "of other");
    await retried(async () => {
      const consumer = JSON.parse(await request(there, "BUS.API.CONSUMER.INFO.EVENTS.same_default"));
      expect(consumer).toMatchObject({ num_pending: 1 });
    });
    const value = await there.request("BUS.API.DIRECT.GET.KV_same.$KV.same.key");
    expect(value.headers?.code).toBe(404);
    await there.flush();
    expect(heard).toEqual(["of other"]);
    await Promise.all([here.close(), there.close()]);
  });
});

describe("a tenant that is removed", () => {
  const lastEvent = async (namespace: string) => {
    const { connection, jetstream } = await bus.admin(namespace);
    const { state } = await jetstream.streams.info("EVENTS");
    await connection.close();
    return state.last_seq;
  };

  test("keeps its events for an EventBus that is made again, with another uid", async () => {
    const tenant = await bus.tenant("retained");
    const connection = await bus.connect(await bus.driver("w", { ...GRANTS, namespace: "retained" }));
    await request(connection, "evt.w.0.note", "x");
    await bus.authority.removeTenant(tenant, false);
    await bus.authority.ensureTenant({ ...tenant, uid: "another" });
    expect(await lastEvent("retained")).toBe(1);
    await connection.close();
  });

  test("or loses them, when it is to; twice is once", async () => {
    const tenant = await bus.tenant("deleted");
    const writer = await bus.driver("w", { ...GRANTS, namespace: "deleted" });
    const connection = await bus.connect(writer);
    await request(connection, "evt.w.0.note", "x");
    await bus.authority.removeTenant(tenant, true);
    await bus.authority.removeTenant(tenant, true);
    await bus.removeDriver(writer);
    await bus.tenant("deleted");
    expect(await lastEvent("deleted")).toBe(0);
    await connection.close();
  });

  test("that was half removed is removed the next time", async () => {
    const tenant = await bus.tenant("half");
    const id = await bus.pinned.get("half");
    await bus.authority.removeTenant(tenant, true);
    // As if the operator had died between the account and the pinned id.
    await bus.pinned.put("half", id ?? "");
    await bus.authority.removeTenant(tenant, true);
    expect(await bus.pinned.get("half")).toBeUndefined();
  });
});
