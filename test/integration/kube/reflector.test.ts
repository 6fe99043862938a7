import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Kind } from "../../../operator/cluster.ts";
import { type ConfigMap, KINDS } from "../../../operator/kinds.ts";
import type { KubeCluster, KubeClusterOptions } from "../../../operator/kube/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";
import { openCluster, silent } from "../../fixtures/kube-cluster.ts";

let server: ApiServer;
let namespace: string;
const open: KubeCluster[] = [];
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  namespace = await server.namespace();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((cluster) => cluster.close()));
});

const path = (name = "") => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
const put = (name: string, value: string, labels?: Record<string, string>) =>
  server.request("APPLY", path(name), {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, ...(labels && { labels }) },
    data: { value },
  });

/** A cluster that watches, and all that it was told of this test's namespace. */
async function watching(
  kind: Kind<ConfigMap> = KINDS.ConfigMap,
  reflector: KubeClusterOptions["reflector"] = {},
) {
  const logged: string[] = [];
  const cluster = await openCluster(server.kubeconfig, {
    reflector: { backoff: { baseMs: 50, maxMs: 500 }, ...reflector },
    log: { ...silent, debug: (_fields: unknown, message?: string) => void logged.push(message ?? "") },
  });
  open.push(cluster);
  const told: string[] = [];
  await cluster.watch(kind, ({ metadata }) => {
    if (metadata.namespace === namespace) told.push(metadata.name);
  });
  const names = async () => {
    const list = await cluster.list(kind, { namespace });
    return list.map(({ metadata }) => metadata.name).sort();
  };
  const value = async (name: string) => (await cluster.get(kind, { namespace, name }))?.data?.["value"];
  return { cluster, told, names, value, logged };
}

describe("a watched kind", () => {
  test("is told of what is there, of changes and of deletions", async () => {
    await put("a", "1");
    const { told, value } = await watching();
    expect(told).toEqual(["a"]);
    expect(await value("a")).toBe("1");
    await put("a", "2");
    await eventually(async () => (await value("a")) === "2");
    await server.request("DELETE", path("a"));
    await eventually(async () => (await value("a")) === undefined);
    expect(told).toEqual(["a", "a", "a"]);
  });

  test("a second handler of the same kind is told of everything, over the same watch", async () => {
    await put("a", "1");
    const { cluster } = await watching();
    const told: string[] = [];
    await cluster.watch(KINDS.ConfigMap, ({ metadata }) => {
      if (metadata.namespace === namespace) told.push(metadata.name);
    });
    expect(told).toEqual(["a"]);
    expect(cluster.caches()).toHaveLength(1);
  });

  test("a handler that throws takes nothing from the others", async () => {
    const { cluster, told } = await watching();
    await cluster.watch(KINDS.ConfigMap, () => {
      throw new Error("handler");
    });
    await put("a", "1");
    await eventually(() => told.includes("a"));
    await put("b", "1");
    await eventually(() => told.includes("b"));
  });

  test("holds no managedFields", async () => {
    await put("a", "1");
    const { cluster } = await watching();
    await put("a", "2");
    await eventually(
      async () => (await cluster.get(KINDS.ConfigMap, { namespace, name: "a" }))?.data?.["value"] === "2",
    );
    const objects = await cluster.list(KINDS.ConfigMap);
    expect(objects.filter(({ metadata }) => "managedFields" in metadata)).toEqual([]);
    expect(objects.every(({ kind, apiVersion }) => kind === "ConfigMap" && apiVersion === "v1")).toBe(true);
  });

  test("may be a part: by label, metadata only, or names alone", async () => {
    const labels = { "vextir.io/part": "template" };
    await put("mine", "1", labels);
    await put("other", "1");
    const labelled = await watching({ ...KINDS.ConfigMap, labels });
    expect(await labelled.names()).toEqual(["mine"]);
    const metadata = await watching({ ...KINDS.ConfigMap, metadataOnly: true });
    expect(await metadata.names()).toEqual(["mine", "other"]);
    expect(await metadata.value("mine")).toBeUndefined();
    const nothing = await watching({ ...KINDS.ConfigMap, metadataOnly: true, keep: () => undefined });
    expect(await nothing.names()).toEqual([]);
    await server.request("DELETE", path("mine"));
    await eventually(() => nothing.told.filter((name) => name === "mine").length === 2);
    await eventually(async () => (await labelled.names()).length === 0);
  });

  test("an object that loses the label leaves the cache", async () => {
    await put("a", "1", { team: "x" });
    const { names } = await watching({ ...KINDS.ConfigMap, labels: { team: "x" } });
    expect(await names()).toEqual(["a"]);
    await put("a", "1");
    await eventually(async () => (await names()).length === 0);
  });
});

test("a long list comes in pages and is complete", async () => {
  const wanted = Array.from({ length: 250 }, (_, i) => `n${String(i).padStart(3, "0")}`);
  for (let i = 0; i < wanted.length; i += 25) {
    await Promise.all(wanted.slice(i, i + 25).map((name) => put(name, "1")));
  }
  const { names, told } = await watching(KINDS.ConfigMap, { pageSize: 20 });
  expect(await names()).toEqual(wanted);
  expect(told).toHaveLength(wanted.length);
});

describe("after a disturbance the cache is right again:", () => {
  test("the API server was killed, and the world changed meanwhile", async () => {
    await put("kept", "1");
    await put("gone", "1");
    const { names, told, value } = await watching();
    const before = told.length;
    await server.restart();
    await server.request("DELETE", path("gone"));
    await put("kept", "2");
    await put("new", "1");
    await eventually(async () => (await value("kept")) === "2" && (await value("new")) === "1");
    await eventually(async () => (await names()).join() === "kept,new");
    expect(new Set(told.slice(before))).toEqual(new Set(["gone", "kept", "new"]));
  });

  test("the server forgot the moment to go on from (410 Gone)", async () => {
    await put("kept", "1");
    await put("gone", "1");
    const { names, value, told, logged } = await watching();
    const before = told.length;
    // Another server of the same store makes the changes that this one's watchers will not have seen.
    await server.kill();
    const other = await server.twin();
    await other.request("DELETE", path("gone"));
    await other.request("MERGE", path("kept"), { data: { value: "2" } });
    await other.stop();
    await server.compact();
    await server.start();
    await eventually(async () => (await value("kept")) === "2" && (await names()).join() === "kept");
    expect(new Set(told.slice(before))).toEqual(new Set(["gone", "kept"]));
    expect(logged.filter((message) => message.includes("listing anew"))).not.toEqual([]);
  });

  test("the server hangs, connections open", async () => {
    const { cluster, value } = await watching(KINDS.ConfigMap, { idleMs: 1_500 });
    const watches = () => cluster.caches().every(({ state }) => state === "watching");
    await eventually(watches);
    server.freeze();
    try {
      await eventually(() => !watches());
    } finally {
      server.thaw();
    }
    await put("a", "1");
    await eventually(async () => (await value("a")) === "1");
  });
});

test("reads while the server is away come from the cache", async () => {
  await put("a", "1");
  const { value, cluster } = await watching();
  await server.kill();
  try {
    expect(await value("a")).toBe("1");
    const failure = cluster.get(KINDS.Secret, { namespace, name: "a" });
    await expect(failure).rejects.toMatchObject({ code: "Unavailable" });
  } finally {
    await server.start();
  }
});
