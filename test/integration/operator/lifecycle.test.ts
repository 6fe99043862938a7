import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
  namespace = await world.api.namespace();
});
afterAll(() => world?.stop());

/** Publishes as the runtime does; true when the bus stored it. */
async function publish(connection: NatsConnection, subject: string): Promise<boolean> {
  const about = headers();
  about.set("ce-specversion", "1.0");
  try {
    await jetstream(connection, { apiPrefix: "BUS.API" }).publish(subject, "{}", {
      headers: about,
      timeout: 10_000,
    });
    return true;
  } catch {
    return false;
  }
}

const gateway = {
  class: "IO",
  module: "gateway",
  ports: [{ name: "http", containerPort: 8080 }],
  subscriptions: [{ types: ["chat.message.sent"] }],
  capabilities: { publish: ["chat.message.received"], state: true },
};

const names = async (apiVersion: string, plural: string) =>
  (await world.list(apiVersion, plural, namespace)).map(({ metadata }) => metadata.name).sort();

describe("a Driver", () => {
  let connection: NatsConnection;

  test("gets its objects, its access to the bus, and says so", async () => {
    await world.apply(namespace, "gateway", gateway);
    await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
    const deployment = await eventually(() => world.deployment(namespace, "gateway"), "a Deployment");
    const [configMap] = (await names("v1", "configmaps")).filter((name) => name.startsWith("gateway-"));
    expect(deployment.spec.template.spec.volumes[0].configMap.name).toBe(configMap);
    expect(await names("v1", "serviceaccounts")).toEqual(["driver-gateway"]);
    expect(await names("v1", "services")).toEqual(["gateway"]);
    expect(await names("networking.k8s.io/v1", "networkpolicies")).toEqual(["gateway"]);
    expect(await names("policy/v1", "poddisruptionbudgets")).toEqual([]);
    expect((await world.condition(namespace, "gateway", "Ready"))?.status).toBe("False");
    await world.makePodsReady(namespace, "gateway");
    await world.waitFor(namespace, "gateway", "Ready", "True");
    const { status } = await world.driver(namespace, "gateway");
    expect(status).toMatchObject({ replicas: 1, readyReplicas: 1, selector: "vextir.io/driver=gateway" });
    expect(status.manifest).toMatchObject({ name: "gateway", version: "1.0.0" });
  });

  test("does on the bus what it is granted, and nothing else", async () => {
    connection = await world.connectAs(namespace, "gateway");
    expect(await publish(connection, "evt.gateway.0.chat.message.received")).toBe(true);
    expect(await publish(connection, "evt.gateway.0.chat.message.sent")).toBe(false);
    expect(await publish(connection, "evt.other.0.chat.message.received")).toBe(false);
  });

  test("is granted more on its open connection, and its pods are made anew", async () => {
    const before = await world.deployment(namespace, "gateway");
    await world.apply(namespace, "gateway", {
      ...gateway,
      capabilities: { ...gateway.capabilities, publish: ["chat.message.*"] },
    });
    await eventually(() => publish(connection, "evt.gateway.0.chat.message.sent"), "the new grant");
    const after = await eventually(async () => {
      const found = await world.deployment(namespace, "gateway");
      return found.metadata.generation > before.metadata.generation && found;
    }, "new pods");
    expect(after.metadata.uid).toBe(before.metadata.uid);
    // Whom its bus trusts, and what its pods before and after are told.
    expect(await names("v1", "configmaps")).toEqual([
      expect.stringMatching(/^gateway-/),
      expect.stringMatching(/^gateway-/),
      "vextir-ca",
    ]);
  });

  test("scales: replicas alone make no new pods, and two have a disruption budget", async () => {
    const { spec } = await world.deployment(namespace, "gateway");
    const path = `${collection("vextir.io/v1alpha1", "drivers", namespace)}/gateway/scale`;
    await world.api.request("MERGE", path, { spec: { replicas: 2 } });
    const scaled = await eventually(async () => {
      const found = await world.deployment(namespace, "gateway");
      return found.spec.replicas === 2 && found;
    }, "two replicas");
    expect(scaled.spec.template).toEqual(spec.template);
    await eventually(async () => (await names("policy/v1", "poddisruptionbudgets")).length === 1, "a budget");
    await world.api.request("MERGE", path, { spec: { replicas: 1 } });
    await eventually(
      async () => (await names("policy/v1", "poddisruptionbudgets")).length === 0,
      "no budget",
    );
  });

  test("is pruned of what it no longer wants", async () => {
    const { ports: _ports, ...rest } = gateway;
    await world.apply(namespace, "gateway", rest);
    await eventually(async () => (await names("v1", "services")).length === 0, "no Service");
  });

  test("leaves nothing when it is deleted, and its token is refused", async () => {
    const token = await world.token(namespace, "gateway");
    const { connection: admin, jetstream: streams } = await world.tenant(namespace);
    const closed = connection.closed();
    await world.delete(namespace, "gateway");
    await eventually(async () => !(await world.driver(namespace, "gateway")), "the Driver is gone");
    await closed;
    expect(await world.accounts(namespace)).toEqual([]);
    const consumers = [];
    for await (const consumer of streams.consumers.list("EVENTS")) consumers.push(consumer.name);
    expect(consumers).toEqual([]);
    const kept = [];
    for await (const name of streams.streams.names()) kept.push(name);
    expect(kept.sort()).toEqual(["ADVISORIES", "DEADLETTERS", "DIRECTED", "EVENTS", "HANDLINGS"]);
    await admin.close();
    expect(await names("apps/v1", "deployments")).toEqual([]);
    expect((await names("v1", "configmaps")).filter((name) => name.startsWith("gateway"))).toEqual([]);
    expect(await names("v1", "serviceaccounts")).toEqual([]);
    await expect(world.connectWith(token)).rejects.toMatchObject({ name: "AuthorizationError" });
  });
});
