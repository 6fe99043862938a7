import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

let world: World;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-tls-"));
  world = await World.start({ tls: true });
});
afterAll(async () => {
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

test("nats-server runs with what the operator made, and a driver trusts it by what is mounted in its pods", async () => {
  const namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", { class: "IO", module: "gateway" });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  const { spec } = await eventually(() => world.deployment(namespace, "gateway"), "a Deployment");
  const [container] = spec.template.spec.containers;
  const variable = (name: string) =>
    container.env.find((entry: { name: string }) => entry.name === name)?.value;
  expect(variable("VEXTIR_BUS_URL")).toBe(world.busUrl);
  const caFile: string = variable("VEXTIR_BUS_CA_FILE");
  const mount = container.volumeMounts.find((m: { mountPath: string }) =>
    caFile.startsWith(`${m.mountPath}/`),
  );
  const volume = spec.template.spec.volumes.find((v: { name: string }) => v.name === mount.name);
  const mounted = await world.get("v1", "configmaps", namespace, volume.configMap.name);
  const path = join(folder, "ca.crt");
  await writeFile(path, mounted.data[volume.configMap.items[0].key]);
  const token = await world.token(namespace, "gateway");
  await (await world.connectWith(token, path)).close();
  await expect(world.connectWith(token)).rejects.toThrow();
});
