import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { API_VERSION } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

const DRIVERS = 200;
const CONNECTED = 50;

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
  namespace = await world.api.namespace();
});
afterAll(() => world?.stop());

test(`a policy that refuses ${DRIVERS} Drivers at once takes from all of them what they have on the bus before it takes their pods`, async () => {
  const names = Array.from({ length: DRIVERS }, (_, index) => `d${index}`);
  for (const name of names)
    await world.apply(namespace, name, {
      class: "IO",
      module: "gateway",
      capabilities: { publish: ["a.>"] },
    });
  await eventually(async () => (await world.accounts(namespace)).length === DRIVERS, "all have accounts");
  const connections = await Promise.all(
    names.slice(-CONNECTED).map((name) => world.connectAs(namespace, name)),
  );
  const began = Date.now();
  const object = { apiVersion: API_VERSION, kind: "TenantPolicy", metadata: { name: "none" } };
  const path = `/apis/${API_VERSION}/tenantpolicies/none`;
  await world.api.request("APPLY", path, { ...object, spec: { capabilities: { publish: [] } } });
  await Promise.all(connections.map((connection) => connection.closed()));
  const kickedMs = Date.now() - began;
  const standing = await world.list("apps/v1", "deployments", namespace);
  await eventually(async () => (await world.accounts(namespace)).length === 0, "no account is left");
  const goneMs = Date.now() - began;
  await eventually(
    async () => (await world.list("apps/v1", "deployments", namespace)).length === 0,
    "no pods",
  );
  console.info(
    `${CONNECTED} connections kicked after ${kickedMs} ms, ${DRIVERS} accounts gone after ${goneMs} ms, Deployments after ${Date.now() - began} ms`,
  );
  expect(standing.length).toBeGreaterThan(0);
}, 180_000);
