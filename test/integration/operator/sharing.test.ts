import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { NatsConnection } from "@nats-io/transport-node";
import { API_VERSION } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let shop: string;
let billing: string;
const open: NatsConnection[] = [];

beforeAll(async () => {
  world = await World.start();
  shop = await world.api.namespace();
  billing = await world.api.namespace();
});
afterAll(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await world?.stop();
});

async function eventBus(namespace: string, spec: object): Promise<void> {
  const path = `${collection(API_VERSION, "eventbuses", namespace)}/default`;
  const object = { apiVersion: API_VERSION, kind: "EventBus", metadata: { name: "default" }, spec };
  const { status, body } = await world.api.request("APPLY", path, object);
  if (status >= 300) throw new Error(body.message);
}

const exported = () =>
  eventBus(shop, {
    exports: [{ name: "orders", types: ["order.placed"], methods: ["pricing.quote"], to: [billing] }],
  });
const imported = () => eventBus(billing, { imports: [{ namespace: shop, name: "orders" }] });

async function connected(namespace: string, name: string): Promise<NatsConnection> {
  await world.waitFor(namespace, name, "BusAccessReady", "True");
  const connection = await world.connectAs(namespace, name);
  open.push(connection);
  return connection;
}

/** Has the callee's pod answer. */
async function serve(): Promise<void> {
  const pricing = await connected(shop, "pricing");
  pricing.subscribe("call.pricing.*.*", {
    callback: (_error, message) => void message.respond(message.subject),
  });
  await pricing.flush();
}

test("what two EventBuses agree on reaches the Drivers, and ends with either's word", async () => {
  const built = { class: "IO", module: "gateway" };
  await world.apply(shop, "gateway", { ...built, capabilities: { publish: ["order.placed"] } });
  await world.apply(shop, "pricing", { class: "IO", module: "gateway" });
  const granted = { observe: [`@${shop}.order.>`], call: [`@${shop}.pricing.quote`] };
  await world.apply(billing, "clerk", { ...built, capabilities: granted });
  const gateway = await connected(shop, "gateway");
  const clerk = await connected(billing, "clerk");
  await serve();
  const seen: string[] = [];
  clerk.subscribe("xpub.>", { callback: (_error, message) => void seen.push(message.subject) });
  await clerk.flush();
  const observes = async () => {
    seen.length = 0;
    await gateway.request("evt.gateway.0.order.placed", "x", { timeout: 10_000 });
    await clerk.flush();
    return seen.length > 0;
  };
  const calls = () =>
    clerk.request(`xcall.${shop}.pricing.quote`, "", { timeout: 10_000 }).then(
      (answer) => answer.string(),
      () => undefined,
    );
  const shared = () =>
    eventually(
      async () => (await observes()) && (await calls()) === `call.pricing.quote.clerk@${billing}`,
      "it is shared",
    );
  const ended = () => eventually(async () => !(await observes()) && !(await calls()), "it has ended");

  expect([await observes(), await calls()]).toEqual([false, undefined]);
  await exported();
  expect([await observes(), await calls()]).toEqual([false, undefined]);
  await imported();
  await shared();
  await eventBus(shop, { exports: [] });
  await ended();
  await exported();
  await shared();
  await eventBus(billing, { imports: [] });
  await ended();
  await imported();
  await shared();

  // A callee that is made again is another one, and its callers elsewhere find it.
  await world.delete(shop, "pricing");
  await eventually(async () => !(await world.driver(shop, "pricing")), "it is gone");
  await world.apply(shop, "pricing", { class: "IO", module: "gateway" });
  await serve();
  await shared();
});
