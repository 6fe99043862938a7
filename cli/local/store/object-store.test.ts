import { describe, expect, test } from "@jest/globals";
import type { KubeObject } from "@vextir/api";
import { ClusterError, type Kind, ownerOf } from "@vextir/operator/cluster.ts";
import { type ConfigMap, KINDS } from "@vextir/operator/kinds.ts";
import { ObjectStore } from "./object-store.ts";

interface Thing extends KubeObject {
  spec?: { size?: number; tags?: Record<string, string> };
  status?: { ready?: number };
}
const THING: Kind<Thing> = { apiVersion: "test/v1", kind: "Thing", plural: "things", namespaced: true };
const named = (name: string, more: object = {}) => ({
  ...more,
  apiVersion: "test/v1",
  kind: "Thing",
  metadata: { namespace: "default", name, ...(more as { metadata?: object }).metadata },
});
const key = (name: string) => ({ namespace: "default", name });
const delivered = () => new Promise((resolve) => setImmediate(resolve));

function codeOf(work: () => unknown): string | undefined {
  try {
    work();
  } catch (error) {
    return error instanceof ClusterError ? error.code : String(error);
  }
  return undefined;
}

describe("apply", () => {
  test("creates with identity, and keeps it over every further change", () => {
    const store = new ObjectStore({ now: () => 1_000, newUid: () => "u1" });
    const first = store.apply("me", THING, named("a", { spec: { size: 1 } }));
    expect(first.metadata).toEqual({
      ...key("a"),
      uid: "u1",
      generation: 1,
      resourceVersion: "1",
      creationTimestamp: "1970-01-01T00:00:01Z",
    });
    const second = store.apply("me", THING, named("a", { spec: { size: 2 } }));
    expect(second.metadata).toMatchObject({ uid: "u1", generation: 2, resourceVersion: "2" });
  });

  const cases = [
    { reason: "the same again", change: { spec: { size: 1 } }, generation: 1, version: "1" },
    { reason: "another spec", change: { spec: { size: 2 } }, generation: 2, version: "2" },
    {
      reason: "a label",
      change: { spec: { size: 1 }, metadata: { labels: { a: "b" } } },
      generation: 1,
      version: "2",
    },
    {
      reason: "its status by apply: ignored",
      change: { spec: { size: 1 }, status: { ready: 1 } },
      generation: 1,
      version: "1",
    },
  ];
  test.each(cases)("generation and version after $reason", ({ change, generation, version }) => {
    const store = new ObjectStore();
    store.apply("me", THING, named("a", { spec: { size: 1 } }));
    const after = store.apply("me", THING, named("a", change));
    expect(after.metadata).toMatchObject({ generation, resourceVersion: version });
  });

  test("status is apart from spec, and survives it", () => {
    const store = new ObjectStore();
    store.apply("me", THING, named("a", { spec: { size: 1 } }));
    store.applyStatus("me", THING, named("a", { status: { ready: 1 } }));
    const after = store.apply("me", THING, named("a", { spec: { size: 2 } }));
    expect(after).toMatchObject({ spec: { size: 2 }, status: { ready: 1 }, metadata: { generation: 2 } });
    expect(codeOf(() => store.applyStatus("me", THING, named("b", { status: {} })))).toBe("NotFound");
  });

  test("a uid or version that is not the object's is a conflict", () => {
    const store = new ObjectStore();
    const { metadata } = store.apply("me", THING, named("a"));
    expect(codeOf(() => store.apply("me", THING, named("a", { metadata: { uid: "other" } })))).toBe(
      "Conflict",
    );
    expect(codeOf(() => store.apply("me", THING, named("b", { metadata: { uid: "any" } })))).toBe("Conflict");
    expect(codeOf(() => store.delete(THING, key("a"), { uid: "other" }))).toBe("Conflict");
    store.apply("me", THING, named("a", { spec: {}, metadata: { uid: metadata.uid } }));
    const stale = named("a", { spec: { size: 9 }, metadata: { resourceVersion: metadata.resourceVersion } });
    expect(codeOf(() => store.apply("me", THING, stale))).toBe("Conflict");
  });

  test("what it hands out can't be changed", () => {
    const store = new ObjectStore();
    const thing = store.apply("me", THING, named("a", { spec: { tags: { a: "b" } } }));
    expect(() => Object.assign(thing.spec?.tags ?? {}, { a: "c" })).toThrow(TypeError);
  });
});

describe("deletion", () => {
  test("waits for the finalizers", async () => {
    const store = new ObjectStore();
    const seen: (string | undefined)[] = [];
    store.apply("operator", THING, named("a", { metadata: { finalizers: ["account"] } }));
    store.watch(THING, ({ metadata }) => seen.push(metadata.deletionTimestamp && "marked"));
    store.delete(THING, key("a"));
    store.delete(THING, key("a"));
    expect(store.get(THING, key("a"))?.metadata.deletionTimestamp).toBeDefined();
    store.apply("operator", THING, named("a"));
    expect(store.get(THING, key("a"))).toBeUndefined();
    await delivered();
    expect(seen).toEqual([undefined, "marked", "marked", "marked"]);
  });

  test("takes what is owned along, level by level", () => {
    const store = new ObjectStore();
    const owned = (name: string, owner: KubeObject) =>
      named(name, { metadata: { ownerReferences: [ownerOf(owner)] } });
    const root = store.apply("me", THING, named("root"));
    const child = store.apply("me", THING, owned("child", root));
    store.apply("me", THING, owned("grandchild", child));
    store.apply("me", THING, named("stranger"));
    store.delete(THING, key("root"));
    expect(store.list(THING).map(({ metadata }) => metadata.name)).toEqual(["stranger"]);
  });

  test("an object whose owner is already gone goes too", () => {
    const store = new ObjectStore();
    const root = store.apply("me", THING, named("root"));
    store.delete(THING, key("root"));
    store.apply("me", THING, named("late", { metadata: { ownerReferences: [ownerOf(root)] } }));
    expect(store.list(THING)).toEqual([]);
  });
});

test("a watch tells of what is there, of every change, and of the end, in order, past a listener that throws", async () => {
  const errors: unknown[] = [];
  const store = new ObjectStore({ onListenerError: (error) => errors.push(error) });
  store.apply("me", THING, named("a", { spec: { size: 1 } }));
  const seen: unknown[] = [];
  const boom = new Error("boom");
  store.watch(THING, () => {
    throw boom;
  });
  const stop = store.watch(THING, ({ metadata, spec }) => seen.push([metadata.name, spec?.size]));
  store.apply("me", THING, named("b", { spec: { size: 5 } }));
  store.apply("me", THING, named("a", { spec: { size: 2 } }));
  store.delete(THING, key("a"));
  await delivered();
  expect(seen).toEqual([
    ["a", 1],
    ["b", 5],
    ["a", 2],
    ["a", 2],
  ]);
  expect(new Set(errors)).toEqual(new Set([boom]));
  stop();
  store.apply("me", THING, named("c"));
  await delivered();
  expect(seen).toHaveLength(4);
});

test("lists by namespace and labels", () => {
  const store = new ObjectStore();
  const put = (name: string, namespace: string, labels: Record<string, string>) =>
    store.apply<ConfigMap>("me", KINDS.ConfigMap, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace, labels },
    });
  put("a", "one", { app: "x", tier: "1" });
  put("b", "one", { app: "x" });
  put("a", "two", { app: "x" });
  const names = (options: object) =>
    store.list(KINDS.ConfigMap, options).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
  expect(names({ labels: { app: "x" } })).toEqual(["one/a", "one/b", "two/a"]);
  expect(names({ namespace: "one", labels: { tier: "1" } })).toEqual(["one/a"]);
});
