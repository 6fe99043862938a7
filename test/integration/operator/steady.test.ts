import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { World } from "./world.ts";

let world: World;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());

/** Longer than every retry and poll of the operator but the resync, which only reads. */
const STEADY_MS = 32_000;

test("a steady cluster gets no writes but the Lease's, before and after a restart of the operator", async () => {
  const namespace = await world.api.namespace();
  const ports = [{ name: "http", containerPort: 8080 }];
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway", ports, replicas: 2 });
  await world.apply(namespace, "broken", { class: "IO", module: "unknown" });
  await world.apply(namespace, "scribe", { class: "IO", source: { inline: "export default 1" } });
  await world.apply(namespace, "strict", {
    class: "Agent",
    module: "assistant",
    capabilities: { publish: ["chat.message.sent"], call: ["gateway.x", "nobody.y"], state: true },
    resources: { limits: { cpu: "1000m", memory: "1024Mi" }, requests: { cpu: "0.5" } },
    tolerations: [{ operator: "Exists" }],
    podTemplate: {
      metadata: { labels: { team: "a" } },
      spec: {
        volumes: [{ name: "cache", emptyDir: { sizeLimit: "1024Mi" } }],
        containers: [{ name: "side", image: "example.org/side:1", ports: [{ containerPort: 9000 }] }],
        topologySpreadConstraints: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "ScheduleAnyway" }],
      },
    },
  });
  for (const name of ["gateway", "strict"]) {
    await world.waitFor(namespace, name, "BusAccessReady", "True");
    await world.makePodsReady(namespace, name);
    await world.waitFor(namespace, name, "Ready", "True");
  }
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "Unknown", "AwaitingManifest");
  await world.waitFor(namespace, "broken", "Accepted", "False", "UnknownModule");
  expect(await unexpectedWrites(STEADY_MS)).toEqual([]);
  await world.stopOperator();
  const restarted = new Date();
  await world.startOperator();
  await world.admits();
  expect(await unexpectedWrites(3_000, restarted)).toEqual([]);
});

async function unexpectedWrites(ms: number, from = new Date(Date.now() + 500)): Promise<string[]> {
  // What is measured is that nothing happens in this time, so it has to pass.
  await new Promise((resolve) => setTimeout(resolve, ms));
  const writes = await world.api.writes(from);
  return writes
    .filter(({ resource }) => resource !== "leases" && resource !== "tokenreviews")
    .map(({ verb, resource, namespace, name }) => `${verb} ${resource} ${namespace}/${name}`);
}
