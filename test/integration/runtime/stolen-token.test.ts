import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  connect,
  headers,
  type NatsConnection,
  type Payload,
  tokenAuthenticator,
} from "@nats-io/transport-node";
import { type Driver, defineDriver, type Event } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

/** The victim: it handles, observes, serves, asks and keeps, all by the runtime. */
const handled: Event[] = [];
const observed: string[] = [];
const served: string[] = [];
const changes: string[] = [];
const bank = defineDriver({
  name: "bank",
  version: "1",
  class: "IO",
  on: { ">": (event) => void handled.push(event) },
  methods: {
    balance: { handle: (_input, { caller }) => served.push(`balance ${caller}`) },
    transfer: { handle: (_input, { caller }) => served.push(`transfer ${caller}`) },
  },
});
const oracle = defineDriver({
  name: "oracle",
  version: "1",
  class: "Tool",
  methods: { price: { handle: () => 42 } },
});
const teller = defineDriver({ name: "teller", version: "1", class: "IO" });

let world: World;
let victim: Driver;
let genuine: Driver;
let token: string;
let thief: NatsConnection;

beforeAll(async () => {
  world = await World.start();
  genuine = (await world.run(teller, { capabilities: { publish: ["pay.order"] } })).driver;
  const { driver: asked } = await world.run(oracle);
  victim = (
    await world.run(bank, {
      subscriptions: [{ types: ["pay.*"], delivery: { ackWait: "10s" } }],
      capabilities: { state: true, call: ["oracle.price"], observe: ["pay.*", "live.oracle.>"] },
    })
  ).driver;
  // What is in the pod of somebody who was broken into: a token, and a grant or two.
  const access = await world.bus.driver("thief", {
    subscriptions: [{ types: ["thief.only"] }],
    capabilities: { publish: ["pay.note"], state: true, call: ["bank.balance"] },
  });
  token = await world.bus.token(access);
  victim.observe("pay.*", (event) => void observed.push(`${event.publisher} ${event.type}`));
  victim.observe("live.oracle.>", ({ publisher, data }) => void observed.push(`${publisher} ${data}`));
  await victim.state.watch(">", ({ key }) => void changes.push(key));
  await victim.bus.connection.flush();
  thief = await connect({
    servers: world.bus.url,
    authenticator: tokenAuthenticator(token),
    name: "bank",
    timeout: 5_000,
  });
  asked.live("tick", "genuine");
  await eventually(() => observed.includes("oracle genuine"), "the genuine message");
});
afterAll(async () => {
  await thief?.close();
  await world?.stop();
});

const envelope = (type: string, more: Record<string, string> = {}) => ({
  "ce-specversion": "1.0",
  "ce-id": "forged",
  "ce-source": "/team/teller",
  "ce-type": type,
  datacontenttype: "application/json",
  ...more,
});

function send(
  subject: string,
  fields: Record<string, string>,
  body: Payload = '{"pay":1}',
  reply = "",
): void {
  const set = headers();
  for (const [name, value] of Object.entries(fields)) set.set(name, value);
  thief.publish(subject, body, { headers: set, ...(reply && { reply }) });
}

/** Whatever was sent before has come as far as it ever will: a genuine event, sent after it, was handled and seen. */
async function settled(): Promise<void> {
  await thief.flush();
  await thief.request("$KV.thief.settled", "1", { timeout: 5_000 });
  const { id } = await genuine.publish("pay.order", { genuine: true });
  await eventually(() => handled.some((event) => event.id === id), "the genuine event");
  await victim.bus.connection.flush();
}

describe("with another driver's token and no runtime, nobody makes a driver take", () => {
  test("an event for another's, or of a type that was not granted", async () => {
    const order = envelope("pay.order");
    for (const subject of [
      "evt.teller.0.pay.order",
      "evt.thief.0.pay.order",
      "pub.teller.0.pay.order",
      "to.bank.default.pay.order",
      "dlq.bank.pay.order",
      "$JS.ACK.EVENTS.bank_default.1.1.1.1.0",
    ])
      send(subject, order);
    // The type that it may publish, dressed as another; and not dressed at all.
    send("evt.thief.0.pay.note", order);
    send("evt.thief.0.pay.note", {});
    send("evt.thief.0.pay.note", envelope("pay.note", { "ce-id": "" }));
    for (const partition of ["64", "x", "*", "-1"])
      send(`evt.thief.${partition}.pay.note`, envelope("pay.note"));
    // What the server would say of a stored event.
    send("evt.thief.0.pay.note", {
      ...order,
      "Nats-Subject": "evt.teller.0.pay.order",
      "Nats-Sequence": "1",
    });
    await settled();
    expect(handled.filter((event) => event.publisher !== "teller" || event.id === "forged")).toEqual([]);
    expect(observed.filter((seen) => seen !== "teller pay.order" && !seen.startsWith("oracle"))).toEqual([]);
  });

  test("an event, a call or a value by the server's hand", async () => {
    const before = served.length;
    send("$KV.thief.forged", envelope("pay.order", { "Nats-Msg-Id": "f" }));
    for (const reply of [
      "evt.teller.0.pay.order",
      "pub.teller.0.pay.order",
      "$KV.bank.money",
      "kvw.bank.money",
      "call.bank.transfer.teller",
      "live.oracle.tick",
    ]) {
      send("BUS.API.DIRECT.GET.KV_thief.$KV.thief.forged", {}, "", reply);
      send("BUS.API.DIRECT.GET.KV_thief", {}, '{"multi_last":["$KV.thief.>"]}', reply);
      send("BUS.API.CONSUMER.MSG.NEXT.EVENTS.thief_default", {}, '{"batch":1,"no_wait":true}', reply);
      send("evt.thief.0.pay.note", {}, "x", reply);
      send("$KV.thief.mine", { "Nats-Trace-Dest": reply }, "x", reply);
      send(reply, envelope("pay.order"));
    }
    await settled();
    expect(served.length).toBe(before);
    expect(changes).toEqual([]);
    expect(await victim.state.get("money")).toBeUndefined();
    expect(handled.filter(({ id }) => id === "forged")).toEqual([]);
    expect(observed.filter((seen) => !["teller pay.order", "oracle genuine"].includes(seen))).toEqual([]);
  });

  test("a call that was not granted, or in another's name", async () => {
    served.length = 0;
    for (const subject of ["call.bank.transfer.thief", "call.bank.balance.teller", "call.bank.transfer.bank"])
      await expect(thief.request(subject, "{}", { timeout: 1_000 })).rejects.toThrow(/no responders/i);
    await thief.request("call.bank.balance.thief", "{}", { timeout: 5_000 });
    expect(served).toEqual(["balance thief"]);
  });

  test("an answer to a call that it made of another, nor see the call", async () => {
    const seen: string[] = [];
    for (const subject of ["call.oracle.>", "_INBOX.>", "_R_.>", ">"])
      thief.subscribe(subject, {
        callback: (error, message) => {
          if (error || message.subject.startsWith("_INBOX.probe")) return;
          seen.push(message.subject);
          if (message.reply) message.respond("666");
        },
      });
    await thief.flush();
    expect(await Promise.all(Array.from({ length: 20 }, () => victim.call("oracle.price")))).toEqual(
      Array.from({ length: 20 }, () => 42),
    );
    expect(seen).toEqual([]);
  });

  test("it for somebody else: the token says who it is, whatever the connection says of itself", async () => {
    for (const options of [
      { user: "bank", pass: token },
      { user: "team/bank/bank-0", pass: "" },
    ])
      await expect(
        connect({ servers: world.bus.url, ...options, reconnect: false, timeout: 5_000 }),
      ).rejects.toThrow();
  });
});

describe("nor is a caller who the stored subject of an event says", () => {
  test("when JetStream delivers one to where calls are listened for", async () => {
    const calls: string[] = [];
    const vault = defineDriver({
      name: "vault",
      version: "1",
      class: "IO",
      methods: { open: { handle: (_input, { caller }) => calls.push(caller) } },
    });
    const subscriptions = [{ types: ["teller"] }];
    // Its runtime leaves the consumer to the raw client of its own account.
    const { driver } = await world.run(vault, { subscriptions, file: { subscriptions: [] } });
    const raw = await world.bus.connect({ name: "vault" });
    const pair = { name: "pair", capabilities: { publish: ["teller"] } };
    await world.bus.driver(pair.name, pair);
    const publisher = await world.bus.connect(pair);
    await publisher.request("evt.pair.open.teller", "{}", { timeout: 5_000 });
    const delivered = Promise.withResolvers<string>();
    raw.subscribe("call.vault.>", { callback: (_error, message) => delivered.resolve(message.subject) });
    await raw.flush();
    const pull = '{"batch":1,"expires":2000000000}';
    raw.publish("BUS.API.CONSUMER.MSG.NEXT.EVENTS.vault_default", pull, { reply: "call.vault.open.x" });
    expect(await delivered.promise).toBe("evt.pair.open.teller");
    await driver.bus.connection.flush();
    await raw.request("call.vault.open.genuine", "{}", { timeout: 5_000 });
    expect(calls).toEqual(["genuine"]);
    await Promise.all([raw.close(), publisher.close()]);
  });
});

describe("nor does it make a driver lose what others publish", () => {
  // nats-server takes a message without header and payload for the end of an answer of many.
  test("by events without header and payload between genuine ones", async () => {
    const ids: string[] = [];
    const began = performance.now();
    for (let i = 0; i < 50; i++) {
      thief.publish("evt.thief.0.pay.note");
      ids.push((await genuine.publish("pay.order", { i })).id);
      thief.publish("evt.thief.0.pay.note", new Uint8Array(0));
    }
    const missing = () => ids.filter((id) => !handled.some((event) => event.id === id));
    // Longer than the acknowledgement time for what the first of them cut off; and none more than that.
    await eventually(() => missing().length === 0, "every genuine event");
    console.log(
      `50 genuine events among 100 empty ones: handled after ${Math.round(performance.now() - began)} ms`,
    );
  });
});
