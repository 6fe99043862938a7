import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});

const assistant = {
  class: "Agent",
  module: "assistant",
  config: { tone: "kind" },
  capabilities: { publish: ["chat.message.sent"] },
};

const deploymentOf = (name: string) =>
  eventually(() => world.deployment(namespace, name), `the Deployment ${name}`);

describe("a spec that can't be run", () => {
  const table: { reason: string; spec: object; condition: string; why: string; message: string }[] = [
    {
      reason: "configuration against the built-in's schema",
      spec: { ...assistant, config: { tone: "rude" } },
      condition: "Accepted",
      why: "ConfigInvalid",
      message: "config.tone",
    },
    {
      reason: "an unknown built-in",
      spec: { class: "Agent", module: "asistant" },
      condition: "Accepted",
      why: "UnknownModule",
      message: "assistant, gateway",
    },
    {
      reason: "another class than the code's",
      spec: { ...assistant, class: "Tool" },
      condition: "Accepted",
      why: "ClassMismatch",
      message: "Agent",
    },
    {
      reason: "patterns that overlap in part",
      spec: { ...assistant, capabilities: { publish: ["chat.message.sent", "a.*", "*.b"] } },
      condition: "Accepted",
      why: "OverlappingPatterns",
      message: "capabilities.publish",
    },
    {
      reason: "a filter that nobody understands",
      spec: { ...assistant, subscriptions: [{ types: ["a.b"], filters: [{ like: { source: "x" } }] }] },
      condition: "Accepted",
      why: "FilterInvalid",
      message: "filters[0]",
    },
    {
      reason: "a need that is not granted",
      spec: { ...assistant, capabilities: {} },
      condition: "CapabilitiesGranted",
      why: "Missing",
      message: "publish chat.message.sent",
    },
    {
      reason: "resources that the API server refuses",
      spec: { ...assistant, resources: { limits: { cpu: "lots" } } },
      condition: "Accepted",
      why: "Refused",
      message: "Deployment",
    },
  ];
  test.each(table)("$reason: a condition says so, the last good pods stay, others go on", async (c) => {
    await world.apply(namespace, "assistant", assistant);
    const good = await deploymentOf("assistant");
    await world.waitFor(namespace, "assistant", "BusAccessReady", "True");
    await world.apply(namespace, "assistant", c.spec);
    await world.apply(namespace, "gateway", { class: "IO", module: "gateway" });
    const refused = await world.waitFor(namespace, "assistant", c.condition, "False", c.why);
    expect(refused.message).toContain(c.message);
    expect((await world.condition(namespace, "assistant", "Ready"))?.status).toBe("False");
    await deploymentOf("gateway");
    expect((await deploymentOf("assistant")).spec).toEqual(good.spec);
    await world.apply(namespace, "assistant", assistant);
    await world.waitFor(namespace, "assistant", c.condition, "True");
  });
});

test("what goes wrong is a Kubernetes event, once", async () => {
  await world.apply(namespace, "broken", { class: "IO", module: "nothing" });
  const told = await eventually(async () => {
    const events = await world.list("events.k8s.io/v1", "events", namespace);
    const own = events.filter(({ regarding }) => regarding.kind === "Driver");
    return own.length > 0 && own;
  }, "an event");
  expect(told).toHaveLength(1);
  expect(told[0]).toMatchObject({ type: "Warning", reason: "UnknownModule" });
});

test("a pod that can't pull its image is told, though its Deployment says nothing", async () => {
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", image: "example.org/none:1" });
  const { spec, metadata } = await deploymentOf("gateway");
  const pods = collection("v1", "pods", namespace);
  const pod = { metadata: { ...spec.template.metadata, name: "gateway-0" }, spec: spec.template.spec };
  expect((await world.api.request("POST", pods, pod)).status).toBe(201);
  const waiting = { reason: "ImagePullBackOff", message: "Back-off pulling image" };
  const state = { name: "driver", ready: false, restartCount: 0, image: "", imageID: "", state: { waiting } };
  await world.api.request("MERGE", `${pods}/gateway-0/status`, { status: { containerStatuses: [state] } });
  const deployment = `${collection("apps/v1", "deployments", namespace)}/gateway/status`;
  const observed = { observedGeneration: metadata.generation, replicas: 1, updatedReplicas: 1 };
  await world.api.request("MERGE", deployment, { status: observed });
  await world.waitFor(namespace, "gateway", "RuntimeHealthy", "False", "ImagePullFailed");
});

test("what bears a child's name and is somebody else's is not taken over", async () => {
  const services = collection("v1", "services", namespace);
  const service = {
    metadata: { name: "gateway" },
    spec: { selector: { app: "mine" }, ports: [{ port: 80 }] },
  };
  await world.api.request("POST", services, service);
  const ports = [{ name: "http", containerPort: 8080 }];
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", ports });
  const taken = await world.waitFor(namespace, "gateway", "Accepted", "False", "NameTaken");
  expect(taken.message).toContain("Service gateway");
  const kept = await world.get("v1", "services", namespace, "gateway");
  expect(kept.spec.selector).toEqual({ app: "mine" });
  expect(kept.metadata.ownerReferences).toBeUndefined();
});

test("a change of an own object by hand is undone", async () => {
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway" });
  await deploymentOf("gateway");
  const path = `${collection("apps/v1", "deployments", namespace)}/gateway`;
  await world.api.request("MERGE", path, { spec: { replicas: 5 } });
  await eventually(async () => (await deploymentOf("gateway")).spec.replicas === 1, "one replica");
  const accounts = `${collection("v1", "serviceaccounts", namespace)}/driver-gateway`;
  await world.api.request("DELETE", accounts);
  await eventually(() => world.get("v1", "serviceaccounts", namespace, "driver-gateway"), "its account");
});

test("a paused Driver is left alone, but can be deleted", async () => {
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway" });
  const before = await deploymentOf("gateway");
  const paused = { annotations: { "vextir.io/paused": "true" } };
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", args: ["x"] }, paused);
  // Another Driver that is made after it shows that its turn has passed.
  await world.apply(namespace, "other", { class: "IO", module: "gateway" });
  await deploymentOf("other");
  expect((await deploymentOf("gateway")).spec).toEqual(before.spec);
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", args: ["x"] });
  await eventually(async () => {
    const { spec } = await deploymentOf("gateway");
    return spec.template.spec.containers[0].args?.[0] === "x";
  }, "its turn");
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", args: ["x"] }, paused);
  await world.delete(namespace, "gateway");
  await eventually(async () => !(await world.driver(namespace, "gateway")), "gone");
});

const calls = async (connection: NatsConnection, subject: string) => {
  try {
    return (await connection.request(subject, "", { timeout: 1_000 })).string();
  } catch {
    return undefined;
  }
};

test("a granted call works as soon as its callee is there, and no longer when another bears its name", async () => {
  const caller = { class: "IO", module: "gateway", capabilities: { call: ["callee.hello"] } };
  await world.apply(namespace, "caller", caller);
  const connection = await world.connectAs(namespace, "caller");
  expect(await calls(connection, "call.callee.hello.caller")).toBeUndefined();
  const peers = await world.condition(namespace, "caller", "CapabilitiesGranted");
  expect(peers?.message).toContain("not there yet: callee");
  await world.apply(namespace, "callee", { class: "IO", module: "gateway" });
  const callee = await world.connectAs(namespace, "callee");
  callee.subscribe("call.callee.hello.*", {
    callback: (_, message) => void message.respond(`hello ${message.subject.split(".").at(-1)}`),
  });
  await eventually(
    async () => (await calls(connection, "call.callee.hello.caller")) === "hello caller",
    "an answer",
  );
  expect(await calls(connection, "call.callee.bye.caller")).toBeUndefined();
  await world.delete(namespace, "callee");
  await callee.closed();
  await eventually(async () => !(await world.driver(namespace, "callee")), "gone");
  expect(await calls(connection, "call.callee.hello.caller")).toBeUndefined();
  await connection.close();
});

test("namespaces with Drivers of the same names share nothing", async () => {
  const other = await world.api.namespace();
  const spec = {
    class: "IO",
    module: "gateway",
    capabilities: { publish: ["a.b"], observe: ["a.b"] },
    subscriptions: [{ types: ["a.b"] }],
  };
  await world.apply(namespace, "twin", spec);
  await world.apply(other, "twin", spec);
  const [mine, theirs] = [await world.connectAs(namespace, "twin"), await world.connectAs(other, "twin")];
  const seen: string[] = [];
  for (const [whose, connection] of Object.entries({ mine, theirs }))
    connection.subscribe("pub.>", { callback: () => void seen.push(whose) });
  await Promise.all([mine.flush(), theirs.flush()]);
  const about = headers();
  about.set("ce-specversion", "1.0");
  await mine.request("evt.twin.0.a.b", "{}", { headers: about, timeout: 10_000 });
  await eventually(async () => seen.includes("mine"), "seen by its own");
  expect(seen).toEqual(["mine"]);
  const { connection, jetstream } = await world.tenant(other);
  expect((await jetstream.streams.info("EVENTS")).state.messages).toBe(0);
  await world.delete(namespace, "twin");
  await eventually(async () => !(await world.driver(namespace, "twin")), "gone");
  expect(await world.accounts(other)).toEqual(["twin"]);
  expect((await jetstream.consumers.info("EVENTS", "twin_default")).name).toBe("twin_default");
  expect(theirs.isClosed()).toBe(false);
  await Promise.all([connection.close(), theirs.close()]);
});

test("an account whose Driver vanished without a farewell is collected when the operator starts", async () => {
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway" });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  await world.stopOperator();
  const path = `${collection("vextir.io/v1alpha1", "drivers", namespace)}/gateway`;
  await world.delete(namespace, "gateway");
  await world.api.request("MERGE", path, { metadata: { finalizers: null } });
  expect(await world.driver(namespace, "gateway")).toBeUndefined();
  expect(await world.accounts(namespace)).toEqual(["gateway"]);
  await world.startOperator();
  await world.admits();
  await eventually(async () => (await world.accounts(namespace)).length === 0, "no account");
});
