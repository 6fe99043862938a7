import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { API_VERSION, PAUSED_ANNOTATION } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let shop: string;

beforeAll(async () => {
  world = await World.start();
  shop = await world.api.namespace();
});
afterAll(async () => await world?.stop());

async function eventBus(namespace: string, spec: object): Promise<void> {
  const path = `${collection(API_VERSION, "eventbuses", namespace)}/default`;
  const object = { apiVersion: API_VERSION, kind: "EventBus", metadata: { name: "default" }, spec };
  const { status, body } = await world.api.request("APPLY", path, object);
  if (status >= 300) throw new Error(body.message);
}

const built = { class: "IO", module: "gateway" };

/** A tenant that would keep what is shared with it has its Driver left as it is. */
const KEEPING: Record<string, (namespace: string, spec: object) => Promise<void>> = {
  "nothing is done against it": async () => {},
  "its Driver is paused": (namespace, spec) =>
    world.apply(namespace, "clerk", spec, { annotations: { [PAUSED_ANNOTATION]: "true" } }),
  "its Driver is paused and doesn't say any more what it was granted": async (namespace) => {
    await world.apply(namespace, "clerk", built, { annotations: { [PAUSED_ANNOTATION]: "true" } });
  },
  "its Driver's spec is refused": async (namespace, spec) => {
    await world.apply(namespace, "clerk", { ...spec, module: "nosuch" });
    await world.waitFor(namespace, "clerk", "Accepted", "False");
  },
  "its Driver's grants overlap": async (namespace, spec) => {
    await world.apply(namespace, "clerk", {
      ...spec,
      capabilities: { observe: [`@${shop}.order.>`, "a.*", "*.b"] },
    });
    await world.waitFor(namespace, "clerk", "Accepted", "False");
  },
  "its EventBus is broken": async (namespace) => {
    await eventBus(namespace, {
      imports: [{ namespace: shop, name: "orders" }],
      duplicateWindow: "10m",
      events: { maxAge: "1m" },
    });
    await eventually(async () => {
      const path = `${collection(API_VERSION, "eventbuses", namespace)}/default`;
      const { body } = await world.api.request("GET", path);
      return JSON.stringify(body).includes("duplicateWindow must not");
    }, "it is broken");
  },
};

/** One type of the shop's, shared with a new tenant whose Driver observes it. */
async function shared() {
  const spy = await world.api.namespace();
  await eventBus(shop, { exports: [{ name: "orders", types: ["order.placed"], to: [spy] }] });
  await eventBus(spy, { imports: [{ namespace: shop, name: "orders" }] });
  await world.apply(shop, "gateway", { ...built, capabilities: { publish: ["order.placed"] } });
  const spec = { ...built, capabilities: { observe: [`@${shop}.order.>`] } };
  await world.apply(spy, "clerk", spec);
  await world.waitFor(shop, "gateway", "BusAccessReady", "True");
  await world.waitFor(spy, "clerk", "BusAccessReady", "True");
  const gateway = await world.connectAs(shop, "gateway");
  const clerk = await world.connectAs(spy, "clerk");
  let seen = 0;
  clerk.subscribe("xpub.>", { callback: () => void seen++ });
  await clerk.flush();
  const observes = async () => {
    seen = 0;
    await gateway.request("evt.gateway.0.order.placed", "x", { timeout: 10_000 });
    await clerk.flush();
    return seen > 0;
  };
  const close = () => Promise.all([gateway.close(), clerk.close()]);
  await eventually(observes, "it is shared");
  return { spy, spec, observes, close };
}

test.each(Object.entries(KEEPING))("what is shared no more ends when %s", async (_what, keep) => {
  const { spy, spec, observes, close } = await shared();
  await keep(spy, spec);
  await eventBus(shop, { exports: [] });
  await eventually(async () => !(await observes()), "it has ended");
  await close();
});

test("an EventBus that is being deleted shares nothing, though its Drivers keep it there", async () => {
  const { observes, close } = await shared();
  const path = `${collection(API_VERSION, "eventbuses", shop)}/default`;
  await world.api.request("DELETE", path);
  await eventually(async () => !(await observes()), "it has ended");
  expect((await world.api.request("GET", path)).body.metadata.deletionTimestamp).toBeDefined();
  await close();
});
