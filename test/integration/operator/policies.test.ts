import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { API_VERSION, subjects, type TenantPolicySpec } from "@vextir/api";
import type { z } from "zod";
import { eventually } from "../../fixtures/eventually.ts";
import { PROMPTLY_MS } from "../../fixtures/promptly.ts";
import { collection, SYSTEM, World } from "./world.ts";

type Policy = z.input<typeof TenantPolicySpec>;

let world: World;
let namespace: string;
const policies = new Set<string>();

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});
afterEach(async () => {
  for (const name of policies) await world.api.request("DELETE", policyPath(name));
  policies.clear();
});

const policyPath = (name: string) => `/apis/${API_VERSION}/tenantpolicies/${name}`;

async function applyPolicy(name: string, spec: object): Promise<void> {
  policies.add(name);
  const object = { apiVersion: API_VERSION, kind: "TenantPolicy", metadata: { name }, spec };
  const answer = await world.api.request("APPLY", policyPath(name), object);
  if (answer.status >= 300) throw new Error(answer.body.message);
}

/** Of this test's namespace alone. */
const here = (spec: Policy): Policy => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
  ...spec,
});
const label = (labels: Record<string, string | null>) =>
  world.api.request("MERGE", `/api/v1/namespaces/${namespace}`, { metadata: { labels } });

const refusedBy = (name: string, reason = "PolicyViolation") =>
  world.waitFor(namespace, name, "Accepted", "False", reason);
const accepted = (name: string) => world.waitFor(namespace, name, "Accepted", "True");
const ready = (name: string) => world.waitFor(namespace, name, "BusAccessReady", "True");
const status = async (name: string) => (await world.api.request("GET", policyPath(name))).body.status;

const gateway = { class: "IO", module: "gateway", capabilities: { publish: ["mail.sent", "chat.>"] } };
const mailOnly = { capabilities: { publish: ["mail.>"] } };

test("a Driver beyond a policy is refused with policy, field, value and rule, and never gets anything", async () => {
  await applyPolicy("mail-only", here(mailOnly));
  await world.apply(namespace, "gateway", gateway);
  const { message } = await refusedBy("gateway");
  expect(message).toBe(
    "TenantPolicy mail-only: spec.capabilities.publish[1]: chat.> is beyond capabilities.publish (mail.>)",
  );
  expect(await world.deployment(namespace, "gateway")).toBeUndefined();
  expect(await world.get("v1", "serviceaccounts", namespace, "driver-gateway")).toBeUndefined();
  await world.apply(namespace, "gateway", { ...gateway, capabilities: { publish: ["mail.*.a"] } });
  await ready("gateway");
  await eventually(() => world.deployment(namespace, "gateway"), "its Deployment");
});

test("tightening a policy takes away what stands at once; loosening it brings it back by itself", async () => {
  const kept = {
    ...gateway,
    capabilities: { ...gateway.capabilities, state: true },
    subscriptions: [{ types: ["a.b"] }],
  };
  await world.apply(namespace, "gateway", kept);
  await ready("gateway");
  const token = await world.token(namespace, "gateway");
  const connection = await world.connectWith(token);
  await connection.request(`evt.gateway.1.chat.x`, "x").catch(() => {});
  const { connection: admin, jetstream } = await world.tenant(namespace);

  const began = Date.now();
  await applyPolicy("mail-only", here(mailOnly));
  await connection.closed();
  const kickedMs = Date.now() - began;
  await expect(world.connectWith(token)).rejects.toThrow();
  await eventually(async () => !(await world.deployment(namespace, "gateway")), "no Deployment");
  const goneMs = Date.now() - began;
  console.info(`kicked after ${kickedMs} ms, pods gone after ${goneMs} ms`);
  expect(kickedMs).toBeLessThan(PROMPTLY_MS);
  expect(goneMs).toBeLessThan(PROMPTLY_MS);
  await refusedBy("gateway");
  expect(await world.condition(namespace, "gateway", "BusAccessReady")).toMatchObject({
    status: "False",
    reason: "NotAdmitted",
  });
  expect(await world.accounts(namespace)).toEqual([]);
  const stored = async () => [
    (await jetstream.streams.info("KV_gateway")).config.name,
    (await jetstream.consumers.info("EVENTS", "gateway_default")).name,
  ];
  expect(await stored()).toEqual(["KV_gateway", "gateway_default"]);

  await applyPolicy("mail-only", here({ capabilities: { publish: [">"] } }));
  await ready("gateway");
  await accepted("gateway");
  await eventually(() => world.deployment(namespace, "gateway"), "its Deployment");
  const back = await world.connectAs(namespace, "gateway");
  await back.close();
  await admin.close();
});

test("a namespace's labels decide which policies it is under, as soon as they change", async () => {
  await applyPolicy("tier", {
    ...mailOnly,
    namespaceSelector: { matchExpressions: [{ key: "tier", operator: "In", values: ["low"] }] },
  });
  await world.apply(namespace, "gateway", gateway);
  await ready("gateway");
  await label({ tier: "low" });
  await refusedBy("gateway");
  await label({ tier: null });
  await accepted("gateway");
  await ready("gateway");
});

test("two policies both hold, and a deleted one no longer does", async () => {
  await applyPolicy("types", here(mailOnly));
  await applyPolicy("classes", here({ classes: ["Agent"] }));
  await world.apply(namespace, "gateway", gateway);
  const { message } = await refusedBy("gateway");
  expect(message).toContain("TenantPolicy classes: spec.class: IO is beyond classes (Agent)");
  expect(message).toContain("TenantPolicy types: ");
  await world.api.request("DELETE", policyPath("types"));
  await eventually(async () => !(await refusedBy("gateway")).message.includes("types"), "one is left");
  await world.api.request("DELETE", policyPath("classes"));
  await ready("gateway");
});

describe("what stood under another policy does not outlive it", () => {
  const governed = async () => {
    await applyPolicy("loose", here({ capabilities: { publish: [">"] } }));
    await world.apply(namespace, "gateway", gateway);
    await ready("gateway");
    await eventually(() => world.deployment(namespace, "gateway"), "its Deployment");
    return world.connectAs(namespace, "gateway");
  };
  const publishes = async (connection: Awaited<ReturnType<typeof governed>>, type: string) =>
    connection.request(`evt.gateway.1.${type}`, "x", { timeout: 10_000 }).then(
      () => true,
      () => false,
    );
  const within = { publish: ["mail.sent"] };

  test("a spec that is refused for another reason keeps no grant beyond it, and its pods go", async () => {
    const connection = await governed();
    expect(await publishes(connection, "chat.x")).toBe(true);
    await world.apply(namespace, "gateway", { class: "IO", module: "unknown", capabilities: within });
    await world.waitFor(namespace, "gateway", "Accepted", "False", "UnknownModule");
    expect(await world.deployment(namespace, "gateway")).toBeDefined();
    await applyPolicy("loose", here(mailOnly));
    await eventually(async () => !(await world.deployment(namespace, "gateway")), "no pods");
    expect(await publishes(connection, "chat.x")).toBe(false);
    expect(await publishes(connection, "mail.sent")).toBe(true);
    await connection.close();
  });

  test("an annotation that pauses it keeps it no grant either", async () => {
    const connection = await governed();
    const paused = { annotations: { "vextir.io/paused": "true" } };
    await world.apply(namespace, "gateway", gateway, paused);
    await applyPolicy("loose", here(mailOnly));
    await connection.closed();
    await refusedBy("gateway");
    expect(await world.deployment(namespace, "gateway")).toBeUndefined();
  });

  test("grants that the bus can't take: the account goes", async () => {
    const connection = await governed();
    await world.apply(namespace, "gateway", {
      ...gateway,
      capabilities: { publish: ["mail.a.*", "mail.*.b"] },
    });
    await world.waitFor(namespace, "gateway", "Accepted", "False", "OverlappingPatterns");
    expect(connection.isClosed()).toBe(false);
    await applyPolicy("loose", here(mailOnly));
    await connection.closed();
    expect(await world.accounts(namespace)).toEqual([]);
  });

  test("an EventBus that is broken on purpose: the account goes", async () => {
    const connection = await governed();
    const bus = `${collection(API_VERSION, "eventbuses", namespace)}/default`;
    await world.api.request("MERGE", bus, { spec: { maxEventBytes: "1Gi" } });
    await eventually(async () => {
      const { status } = (await world.api.request("GET", bus)).body;
      return status.conditions.some(({ reason }: { reason: string }) => reason === "Invalid");
    }, "it is broken");
    await world.apply(namespace, "gateway", { ...gateway, capabilities: within });
    await world.waitFor(namespace, "gateway", "BusAccessReady", "Unknown", "EventBusNotReady");
    expect(connection.isClosed()).toBe(false);
    await applyPolicy("loose", here(mailOnly));
    await connection.closed();
    expect(await world.accounts(namespace)).toEqual([]);
    await world.api.request("MERGE", bus, { spec: { maxEventBytes: "1Mi" } });
    await ready("gateway");
  });
});

test("a caller loses a callee that is no longer admitted, and finds it again", async () => {
  const agent = { class: "Agent", module: "assistant", capabilities: { publish: ["chat.message.sent"] } };
  await world.apply(namespace, "caller", {
    class: "IO",
    module: "gateway",
    capabilities: { call: ["callee.time"] },
  });
  await world.apply(namespace, "callee", agent);
  await ready("callee");
  await ready("caller");
  const connection = await world.connectAs(namespace, "caller");
  const serve = async () => {
    const callee = await world.connectAs(namespace, "callee");
    callee.subscribe("call.callee.time.caller", { callback: (_, message) => void message.respond("noon") });
    await callee.flush();
    return callee;
  };
  const answered = () =>
    connection.request("call.callee.time.caller", "", { timeout: 500 }).then(
      (answer) => answer.string() === "noon",
      () => false,
    );
  const callee = await serve();
  await eventually(answered, "an answer");
  await applyPolicy("connectors", here({ classes: ["IO"] }));
  await callee.closed();
  await refusedBy("callee");
  expect(await answered()).toBe(false);
  // Whoever may call it doesn't bring its account back.
  await world.stopOperator();
  await world.startOperator();
  await world.admits();
  await world.apply(namespace, "caller", {
    class: "IO",
    module: "gateway",
    capabilities: { call: ["callee.*"] },
  });
  await ready("caller");
  expect(await world.accounts(namespace)).toEqual(["caller"]);
  await applyPolicy("connectors", here({ classes: ["IO", "Agent"] }));
  await ready("callee");
  const again = await serve();
  await eventually(answered, "an answer");
  await Promise.all([again.close(), connection.close()]);
});

test("of the Drivers that are too many the oldest stay, and the next one takes the place of one that goes", async () => {
  await applyPolicy("few", here({ quotas: { drivers: 2 } }));
  const names = ["a", "b", "c"];
  for (const name of names) await world.apply(namespace, name, { class: "IO", module: "gateway" });
  expect((await refusedBy("c")).message).toContain(
    "Driver 3 of its namespace is beyond quotas.drivers (at most 2)",
  );
  await ready("a");
  await ready("b");
  await world.delete(namespace, "a");
  await ready("c");
});

test("connections and subscriptions beyond the policy's are refused by the bus", async () => {
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway" });
  await ready("gateway");
  const token = await world.token(namespace, "gateway");
  const first = await world.connectWith(token);
  const second = await world.connectWith(token);
  await applyPolicy("few", here({ quotas: { connections: 1, subscriptions: 20 } }));
  await Promise.race([first.closed(), second.closed()]);
  const left = first.isClosed() ? second : first;
  await expect(world.connectWith(token)).rejects.toThrow();
  const heard: number[] = [];
  for (let i = 0; i < 40; i++) left.subscribe(`own.${i}`, { callback: () => void heard.push(i) });
  await left.flush();
  for (let i = 0; i < 40; i++) left.publish(`own.${i}`);
  await left.flush();
  expect(heard.length).toBeGreaterThan(0);
  expect(heard.length).toBeLessThanOrEqual(20);
  await left.close();
});

test("a bus is made no larger than a policy lets it be, and has its size back without it", async () => {
  await world.apply(namespace, "gateway", { ...gateway, capabilities: { state: true } });
  await ready("gateway");
  const { connection, jetstream } = await world.tenant(namespace);
  const size = async (stream: string) => (await jetstream.streams.info(stream)).config.max_bytes;
  expect(await size("EVENTS")).toBe(2 ** 30);
  await applyPolicy("small", here({ quotas: { eventBytes: "8Mi", stateBytes: "1Mi" } }));
  await eventually(async () => (await size("EVENTS")) === 8 * 2 ** 20, "smaller events");
  await eventually(async () => (await size("KV_gateway")) === 2 ** 20, "a smaller bucket");
  expect(await size("DEADLETTERS")).toBe(256 * 2 ** 20);
  await eventually(async () => {
    const bus = await world.get(API_VERSION, "eventbuses", namespace, "default");
    const [told] = bus.status.conditions.filter(({ type }: { type: string }) => type === "Ready");
    return (
      told.status === "True" && told.message.includes("spec.events.maxBytes to 8Mi by TenantPolicy small")
    );
  }, "its EventBus tells");
  await world.api.request("DELETE", policyPath("small"));
  await eventually(async () => (await size("EVENTS")) === 2 ** 30, "its own size");
  await connection.close();
});

describe("sharing between tenants", () => {
  const share = async () => {
    const other = await world.api.namespace();
    const bus = (place: string, spec: object) =>
      world.api.request("APPLY", `${collection(API_VERSION, "eventbuses", place)}/default`, {
        ...{ apiVersion: API_VERSION, kind: "EventBus", metadata: { name: "default" } },
        spec,
      });
    await bus(other, { exports: [{ name: "mail", types: ["mail.>"], to: [namespace] }] });
    await bus(namespace, { imports: [{ namespace: other, name: "mail" }] });
    await world.apply(other, "sender", {
      class: "IO",
      module: "gateway",
      capabilities: { publish: ["mail.>"] },
    });
    await world.waitFor(other, "sender", "BusAccessReady", "True");
    const observe = [`@${other}.mail.>`];
    await world.apply(namespace, "observer", { class: "IO", module: "gateway", capabilities: { observe } });
    await ready("observer");
    const [sender, observer] = [
      await world.connectAs(other, "sender"),
      await world.connectAs(namespace, "observer"),
    ];
    let heard = 0;
    observer.subscribe(subjects.sharedPublished(other, "mail.>"), { callback: () => void heard++ });
    await observer.flush();
    /** Whether one of three events in a row is heard. */
    const hears = async () => {
      const before = heard;
      for (let i = 0; i < 3; i++) {
        await sender.request(subjects.event("sender", 1, "mail.sent"), "x", { timeout: 10_000 });
        await observer.flush();
      }
      return heard > before;
    };
    await eventually(hears, "it is heard");
    const close = () => Promise.all([sender.close(), observer.close()]);
    return { other, hears, close };
  };
  const of = (place: string, spec: Policy): Policy => ({
    ...spec,
    namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": place } },
  });

  test.each([
    { side: "exports", make: (other: string) => of(other, { sharing: { to: ["nobody"] } }) },
    { side: "imports", make: (_: string) => of(namespace, { sharing: { from: [] } }) },
  ])("ends when a policy of the side that $side no longer allows it", async ({ make }) => {
    const { other, hears, close } = await share();
    await applyPolicy("alone", make(other));
    await eventually(async () => !(await hears()), "it is not heard any more");
    expect(await hears()).toBe(false);
    await world.api.request("DELETE", policyPath("alone"));
    await eventually(hears, "it is heard again");
    await close();
  });

  test("is granted by no wildcard of a policy", async () => {
    await applyPolicy("own", here({ capabilities: { observe: [">"] } }));
    const observe = ["@shop.order.paid"];
    await world.apply(namespace, "observer", { class: "IO", module: "gateway", capabilities: { observe } });
    expect((await refusedBy("observer")).message).toContain(
      "@shop.order.paid is beyond capabilities.observe (>)",
    );
  });
});

test("revocation reaches what was there while no operator ran", async () => {
  await world.apply(namespace, "gateway", gateway);
  await ready("gateway");
  const connection = await world.connectAs(namespace, "gateway");
  await world.stopOperator();
  await applyPolicy("mail-only", here(mailOnly));
  await world.startOperator();
  await connection.closed();
  await refusedBy("gateway");
  await world.admits();
});

test("status counts, and a steady cluster is not written to", async () => {
  await applyPolicy("mail-only", here(mailOnly));
  await world.apply(namespace, "gateway", gateway);
  await world.apply(namespace, "good", { class: "IO", module: "gateway" });
  await refusedBy("gateway");
  await ready("good");
  const counted = await eventually(async () => {
    const found = await status("mail-only");
    return found?.drivers === 2 && found.refused === 1 && found;
  }, "the counts");
  expect(counted.conditions[0]).toMatchObject({ type: "Enforced", status: "True" });
  await eventually(async () => (await recentWrites(1_500)).length === 0, "the operator is at rest");
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  expect(await recentWrites(5_000)).toEqual([]);
});

const recentWrites = async (ms: number) =>
  (await world.api.writes(new Date(Date.now() - ms))).filter(({ resource }) => resource !== "leases");

describe("the operator's own namespace", () => {
  test("takes neither Drivers nor an EventBus", async () => {
    await world.apply(SYSTEM, "gateway", gateway);
    const refused = await world.waitFor(SYSTEM, "gateway", "Accepted", "False", "ReservedNamespace");
    expect(refused.message).toContain(SYSTEM);
    const path = `${collection(API_VERSION, "eventbuses", SYSTEM)}/default`;
    expect((await world.api.request("GET", path)).status).toBe(404);
    await world.api.request("APPLY", path, {
      apiVersion: API_VERSION,
      kind: "EventBus",
      metadata: { name: "default" },
      spec: {},
    });
    await eventually(async () => {
      const { body } = await world.api.request("GET", path);
      return body.status?.conditions?.[0]?.reason === "ReservedNamespace";
    }, "it is refused");
    expect(await world.accounts(SYSTEM)).toEqual([]);
    expect(await world.deployment(SYSTEM, "gateway")).toBeUndefined();
    await world.delete(SYSTEM, "gateway");
    await eventually(async () => !(await world.driver(SYSTEM, "gateway")), "it is gone");
    await world.api.request("DELETE", path);
  });
});
