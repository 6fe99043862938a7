import { expect, test } from "@jest/globals";
import type { ClusterEvent } from "@vextir/operator/cluster.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { LocalCluster } from "./cluster.ts";
import { ObjectStore } from "./store/object-store.ts";

const configMap = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace: "default", name, labels },
});

test("a kind with labels shows only the objects that have them", async () => {
  const store = new ObjectStore();
  const cluster = new LocalCluster(store, () => {});
  const mine = { ...KINDS.ConfigMap, labels: { by: "me" } };
  store.apply("folder", KINDS.ConfigMap, configMap("theirs"));
  await cluster.apply(mine, configMap("mine", { by: "me", tier: "1" }));
  const seen: string[] = [];
  await cluster.watch(mine, ({ metadata }) => seen.push(metadata.name));
  await cluster.apply(mine, configMap("late", { by: "me" }));
  expect(seen).toEqual(["mine", "late"]);
  const names = async (options?: object) =>
    (await cluster.list(mine, options)).map(({ metadata }) => metadata.name);
  expect(await names()).toEqual(["mine", "late"]);
  expect(await names({ labels: { tier: "1" } })).toEqual(["mine"]);
  expect(await cluster.get(mine, { namespace: "default", name: "theirs" })).toBeUndefined();
  expect(await cluster.get(KINDS.ConfigMap, { namespace: "default", name: "theirs" })).toBeDefined();
});

test("a namespace is always there, and without labels once nobody declares it any longer", async () => {
  const store = new ObjectStore();
  const cluster = new LocalCluster(store, () => {});
  const seen: unknown[] = [];
  await cluster.watch(KINDS.Namespace, ({ metadata: { name, labels } }) => seen.push({ name, labels }));
  const team = { apiVersion: "v1", kind: "Namespace", metadata: { name: "team", labels: { tier: "low" } } };
  store.apply("folder", KINDS.Namespace, team);
  await Promise.resolve();
  store.delete(KINDS.Namespace, { name: "team" });
  await Promise.resolve();
  expect(seen).toEqual([
    { name: "team", labels: { tier: "low" } },
    { name: "team", labels: undefined },
  ]);
  expect((await cluster.get(KINDS.Namespace, { name: "team" }))?.metadata).toEqual({ name: "team" });
});

test("an event that is repeated is told once", () => {
  const told: ClusterEvent[] = [];
  const cluster = new LocalCluster(new ObjectStore(), (event) => told.push(event));
  const event = { about: configMap("a"), type: "Warning", reason: "Invalid", message: "no" } as const;
  cluster.record(event);
  cluster.record({ ...event });
  cluster.record({ ...event, message: "still no" });
  expect(told.map(({ message }) => message)).toEqual(["no", "still no"]);
});
