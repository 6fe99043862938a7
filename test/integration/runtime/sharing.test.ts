import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type Driver, defineDriver, type Event } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

const EXPORTS = [
  { name: "orders", types: ["order.placed", "order.paid"], methods: ["pricing.quote"], to: ["billing"] },
];
const IMPORTS = [{ namespace: "shop", name: "orders" }];
const CLERK = {
  namespace: "billing",
  capabilities: { call: ["@shop.pricing.*"], observe: ["@shop.order.>"] },
};

let world: World;
let seller: Driver;
let clerk: Driver;
let ownSeller: Driver;
const seen: Event[] = [];
const callers: string[] = [];

const gateway = defineDriver({ name: "gateway", version: "1", class: "IO" });
const pricing = defineDriver({
  name: "pricing",
  version: "1",
  class: "Tool",
  methods: {
    quote: { handle: (_input, { caller }) => callers.push(caller) },
    secret: { handle: (_input, { caller }) => callers.push(caller) },
  },
});

beforeAll(async () => {
  world = await World.start();
  await world.bus.tenant("shop", { exports: EXPORTS });
  await world.bus.tenant("billing", { imports: IMPORTS });
  await world.bus.tenant("stranger", { imports: IMPORTS });
  const publish = ["order.placed", "order.secret", "order.paid"];
  seller = (await world.run(gateway, { namespace: "shop", capabilities: { publish } })).driver;
  await world.run(pricing, { namespace: "shop" });
  // Of the same name as the other tenant's.
  ownSeller = (await world.run(gateway, { namespace: "billing", capabilities: { publish } })).driver;
  clerk = (await world.run(defineDriver({ name: "clerk", version: "1", class: "IO" }), CLERK)).driver;
  clerk.observe("@shop.order.>", (event) => void seen.push(event));
  await clerk.bus.connection.flush();
});
afterAll(() => world.stop());

const isRefused = (call: Promise<unknown>) =>
  expect(call).rejects.toMatchObject({ code: expect.stringMatching(/Unavailable|NotGranted/) });

/** Events of the other tenant that are seen, of two that are published there: the last one ends the wait. */
async function observedTypes(watching: Event[], last: () => Promise<unknown>): Promise<string[]> {
  watching.length = 0;
  await ownSeller.publish("order.placed", "own");
  await seller.publish("order.secret", 1);
  await seller.publish("order.placed", 1);
  await last();
  await clerk.bus.connection.flush();
  return watching.map(({ publisher, type }) => `${publisher} ${type}`);
}
const paid = async () => {
  const { id } = await seller.publish("order.paid", 1);
  await eventually(() => seen.some((event) => event.id === id), "the event of the other tenant");
};

describe("what one tenant exports and another imports", () => {
  test("events are observed, whose publisher no own driver can be; what isn't shared is not", async () => {
    expect(await observedTypes(seen, paid)).toEqual(["gateway@shop order.placed", "gateway@shop order.paid"]);
  });

  test("methods are called, and the callee knows whose driver calls", async () => {
    await clerk.call("@shop.pricing.quote");
    expect(callers.splice(0)).toEqual(["clerk@billing"]);
    await isRefused(clerk.call("@shop.pricing.secret", 1, { timeoutMs: 300 }));
    expect(callers).toEqual([]);
  });

  test("is there for those that it is exported to alone, and only for a driver that is granted it", async () => {
    const told = CLERK.capabilities;
    const stranger = defineDriver({ name: "stranger", version: "1", class: "IO" });
    const plain = defineDriver({ name: "plain", version: "1", class: "IO" });
    const { driver: outside } = await world.run(stranger, { ...CLERK, namespace: "stranger" });
    const { driver: ungranted } = await world.run(plain, {
      namespace: "billing",
      told,
      capabilities: { observe: [">"], call: ["*.*"] },
    });
    const others: Event[] = [];
    for (const driver of [outside, ungranted]) {
      driver.observe("@shop.order.>", (event) => void others.push(event));
      await driver.bus.connection.flush();
      await isRefused(driver.call("@shop.pricing.quote", 1, { timeoutMs: 300 }));
    }
    await observedTypes(seen, paid);
    await Promise.all([outside, ungranted].map((driver) => driver.bus.connection.flush()));
    expect([others, callers]).toEqual([[], []]);
  });

  test.each([
    { side: "exporter", shop: [], billing: IMPORTS },
    { side: "importer", shop: EXPORTS, billing: [] },
  ])("ends on the open connection when the $side takes its word back", async ({ shop, billing }) => {
    await world.bus.tenant("shop", { exports: shop });
    await world.bus.tenant("billing", { imports: billing });
    await world.bus.driver("clerk", CLERK);
    await isRefused(clerk.call("@shop.pricing.quote", 1, { timeoutMs: 300 }));
    expect(await observedTypes(seen, async () => {})).toEqual([]);
    await world.bus.tenant("shop", { exports: EXPORTS });
    await world.bus.tenant("billing", { imports: IMPORTS });
    await world.bus.driver("clerk", CLERK);
    await clerk.call("@shop.pricing.quote");
    callers.length = 0;
    expect(await observedTypes(seen, paid)).toHaveLength(2);
  });
});
