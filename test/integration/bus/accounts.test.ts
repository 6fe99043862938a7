import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { errors, type NatsConnection } from "@nats-io/transport-node";
import type { DriverAccess } from "@vextir/operator/bus/index.ts";
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

async function connected(driver: DriverAccess): Promise<NatsConnection> {
  const connection = await bus.connect(driver);
  open.push(connection);
  return connection;
}

/** What publishing an event of the type comes to. */
async function publish(
  connection: NatsConnection,
  driver: string,
  type: string,
): Promise<"stored" | "refused"> {
  try {
    return JSON.parse(await request(connection, `evt.${driver}.0.${type}`, "x")).stream
      ? "stored"
      : "refused";
  } catch (error) {
    if (error instanceof errors.RequestError && error.isNoResponders()) return "refused";
    throw error;
  }
}

describe("a grant that is edited", () => {
  test("takes effect on the open connection, both ways, without a disconnect", async () => {
    const editor = await bus.driver("editor", { capabilities: { publish: ["a"] } });
    const connection = await connected(editor);
    const disconnects: string[] = [];
    void (async () => {
      for await (const { type } of connection.status()) if (type === "disconnect") disconnects.push(type);
    })();
    expect([await publish(connection, "editor", "a"), await publish(connection, "editor", "b")]).toEqual([
      "stored",
      "refused",
    ]);
    await bus.driver("editor", { capabilities: { publish: ["b"] } });
    expect([await publish(connection, "editor", "a"), await publish(connection, "editor", "b")]).toEqual([
      "refused",
      "stored",
    ]);
    expect(disconnects).toEqual([]);
  });

  test("is not pushed when nothing changed", async () => {
    const steady = await bus.driver("steady", { capabilities: { publish: ["a"] } });
    const id = bus.realm.driverAccount(steady.uid).id;
    const before = await pushes(id);
    await bus.driver("steady", { capabilities: { publish: ["a"] } });
    const second = bus.newAuthority();
    await second.ensureTenant({ namespace: "team", uid: "bus-team", spec: (await bus.tenant()).spec });
    await second.ensureDriver(steady);
    await second.stop();
    expect(await pushes(id)).toEqual(before);
  });

  test.each([
    { capabilities: { publish: ["a.*", "*.b"] }, subscriptions: [], reason: "publish" },
    { capabilities: {}, subscriptions: [{ types: ["a.>", "*.b"] }], reason: "types of a subscription" },
    {
      capabilities: {},
      subscriptions: [{ types: ["a"], delivery: { ackWait: "0s" } }],
      reason: "no time to acknowledge",
    },
  ])("that can't be expressed ($reason) is Invalid, and the driver keeps what it had", async (edit) => {
    const { reason: _reason, ...input } = edit;
    const invalid = await bus.driver("invalid", { capabilities: { publish: ["kept"] } });
    await expect(bus.driver("invalid", { ...input, uid: invalid.uid })).rejects.toMatchObject({
      code: "Invalid",
    });
    expect(await publish(await connected(invalid), "invalid", "kept")).toBe("stored");
  });
});

describe("calls", () => {
  test("work whichever of the two was made first, and both ways at once", async () => {
    // Known to each other before either has an account.
    const [left, right] = [bus.access("left"), bus.access("right")];
    const peers = new Map([
      ["left", left.uid],
      ["right", right.uid],
    ]);
    for (const [driver, other] of [
      [left, "right"],
      [right, "left"],
    ] as const) {
      const granted = bus.access(driver.name, { uid: driver.uid, capabilities: { call: [`${other}.*`] } });
      await bus.authority.ensureDriver({ ...granted, peers });
      bus.drivers.set(`team/${driver.name}`, granted);
    }
    const connections = { left: await connected(left), right: await connected(right) };
    for (const [name, connection] of Object.entries(connections)) {
      connection.subscribe(`call.${name}.hello.*`, { callback: (_error, m) => void m.respond(`by ${name}`) });
      await connection.flush();
    }
    expect(await request(connections.left, "call.right.hello.left")).toBe("by right");
    expect(await request(connections.right, "call.left.hello.right")).toBe("by left");
  });

  test("of every method of every driver, by '*.*'", async () => {
    const callee = await bus.driver("callee");
    const caller = await bus.driver("caller", { capabilities: { call: ["*.*"] } });
    const [answering, asking] = [await connected(callee), await connected(caller)];
    answering.subscribe("call.callee.*.*", { callback: (_error, m) => void m.respond(m.subject) });
    await answering.flush();
    expect(await request(asking, "call.callee.any.caller")).toBe("call.callee.any.caller");
  });
});

describe("a driver that is removed", () => {
  test("is kicked, refused, and leaves nothing", async () => {
    const gone = await bus.driver("gone", {
      subscriptions: [{ types: ["a"] }, { name: "second", types: ["b"] }],
      capabilities: { state: true },
    });
    const other = await bus.driver("gone-too", { subscriptions: [{ types: ["a"] }] });
    const connection = await bus.connect(gone, { reconnect: false });
    await bus.removeDriver(gone);
    await connection.closed();
    await expect(bus.connect(gone)).rejects.toBeInstanceOf(errors.AuthorizationError);
    expect((await bus.authority.listDriverAccounts()).map(({ uid }) => uid)).not.toContain(gone.uid);
    const { connection: admin, jetstream } = await bus.admin();
    const consumers = [];
    for await (const { name } of jetstream.consumers.list("EVENTS")) consumers.push(name);
    expect(consumers.filter((name) => name.startsWith("gone"))).toEqual([`${other.name}_default`]);
    await expect(jetstream.streams.info("KV_gone")).rejects.toMatchObject({ code: 10_059 });
    await admin.close();
    await bus.removeDriver(gone);
  });

  test("is not brought back by one that may call it and has not heard yet", async () => {
    const callee = await bus.driver("callee-2");
    const caller = bus.access("caller-2", { capabilities: { call: ["callee-2.*"] } });
    await bus.removeDriver(callee);
    await bus.authority.ensureDriver(caller);
    expect((await bus.authority.listDriverAccounts()).map(({ uid }) => uid)).not.toContain(callee.uid);
  });

  test("stays refused while the callout's index still knows it", async () => {
    const stale = await bus.driver("stale");
    await bus.authority.removeDriver(stale);
    await expect(bus.connect(stale)).rejects.toBeInstanceOf(errors.AuthorizationError);
  });

  test("and made again has another account, and nothing of the old one's state", async () => {
    const first = await bus.driver("again", { capabilities: { state: true } });
    await request(await connected(first), "$KV.again.key", "old");
    await bus.removeDriver(first);
    const second = await bus.driver("again", { capabilities: { state: true } });
    expect(second.uid).not.toBe(first.uid);
    const answer = (await connected(second)).request("BUS.API.DIRECT.GET.KV_again.$KV.again.key");
    expect((await answer).headers?.code).toBe(404);
  });
});

describe("names", () => {
  test("at their longest work on every path", async () => {
    const namespace = "n".repeat(63);
    const name = "d".repeat(40);
    const subscription = "s".repeat(40);
    const type = `${"t".repeat(98)}.${"u".repeat(101)}`;
    await bus.tenant(namespace);
    const driver = await bus.driver(name, {
      namespace,
      subscriptions: [{ name: subscription, types: [type] }],
      capabilities: { publish: [type], state: true },
    });
    const connection = await connected(driver);
    expect(await publish(connection, name, type)).toBe("stored");
    const info = `BUS.API.CONSUMER.INFO.EVENTS.${name}_${subscription}`;
    await retried(async () =>
      expect(JSON.parse(await request(connection, info))).toMatchObject({ num_pending: 1 }),
    );
  });

  test("that are parts of each other share nothing: 'a' with 'b-c', 'a-b' with 'c'", async () => {
    const subscription = (name: string) => [{ name, types: ["x"] }];
    const first = await bus.driver("a", { subscriptions: subscription("b-c") });
    await bus.driver("a-b", { subscriptions: subscription("c") });
    await bus.removeDriver(first);
    const { connection, jetstream } = await bus.admin();
    await expect(jetstream.consumers.info("EVENTS", "a-b_c")).resolves.toMatchObject({ name: "a-b_c" });
    await connection.close();
  });
});

/** When the account was last pushed. */
async function pushes(id: string): Promise<string> {
  const { connect } = await import("@nats-io/transport-node");
  const { jwt, key } = bus.realm.systemUser();
  const system = await connect({
    servers: bus.url,
    authenticator: (nonce) => ({ jwt, ...(nonce && { sig: key.sign(nonce).toString("base64url") }) }),
  });
  const stored = await system.request(`$SYS.REQ.ACCOUNT.${id}.CLAIMS.LOOKUP`);
  await system.close();
  return stored.string();
}
