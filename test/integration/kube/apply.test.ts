import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type Applied, ClusterError, type Kind } from "../../../operator/cluster.ts";
import { KINDS } from "../../../operator/kinds.ts";
import type { KubeCluster } from "../../../operator/kube/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";
import { openCluster } from "../../fixtures/kube-cluster.ts";
import { childrenOf } from "./children.ts";

let server: ApiServer;
let cluster: KubeCluster;
let namespace: string;
beforeAll(async () => {
  server = await startApiServer();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  namespace = await server.namespace();
  cluster = await openCluster(server.kubeconfig);
});
afterEach(() => cluster?.close());

async function watchAll(of = cluster) {
  for (const { kind } of childrenOf("a", namespace)) await of.watch(kind, () => {});
}

const applyAll = async (of = cluster) => {
  for (const { kind, object } of childrenOf("a", namespace)) await of.apply(kind, object);
};

const writesHere = async () => (await server.writes()).filter((write) => write.namespace === namespace);
const path = (kind: Kind, name: string) =>
  `/${kind.apiVersion.includes("/") ? "apis" : "api"}/${kind.apiVersion}/namespaces/${namespace}/${kind.plural}/${name}`;

describe("what is applied already", () => {
  test("is not written again, neither at once nor by an operator that was started anew", async () => {
    await watchAll();
    await applyAll();
    const before = await writesHere();
    expect(before).toHaveLength(childrenOf("a", namespace).length);
    await applyAll();
    const next = await openCluster(server.kubeconfig);
    await watchAll(next);
    await applyAll(next);
    await next.close();
    expect((await writesHere()).slice(before.length)).toEqual([]);
  });

  test("is written once more at most where the server writes a value in its own way", async () => {
    await cluster.watch(KINDS.Deployment, () => {});
    const [deployment] = childrenOf("a", namespace).filter(({ kind }) => kind === KINDS.Deployment);
    const { object } = structuredClone({ object: deployment?.object as Applied<never> });
    // biome-ignore lint/suspicious/noExplicitAny: a field deep within
    (object as any).spec.template.spec.containers[0].livenessProbe = { httpGet: { port: 80, path: "" } };
    for (let i = 0; i < 3; i++) await cluster.apply(KINDS.Deployment, object);
    expect((await writesHere()).length).toBeLessThanOrEqual(2);
  });
});

describe("drift is corrected", () => {
  const drifts = [
    { reason: "a label was removed", patch: { metadata: { labels: { "vextir.io/driver": null } } } },
    { reason: "replicas were changed", patch: { spec: { replicas: 7 } } },
    { reason: "a container got another image", container: { image: "evil:1" } },
    { reason: "an argument was added", container: { args: ["--insecure"] } },
    { reason: "the owner was removed", patch: { metadata: { ownerReferences: [] } } },
  ];
  test.each(drifts)("$reason", async ({ patch, container }) => {
    await cluster.watch(KINDS.Deployment, () => {});
    const { object } = childrenOf("a", namespace).find(({ kind }) => kind === KINDS.Deployment) ?? {};
    const wanted = object as Applied<never>;
    await cluster.apply(KINDS.Deployment, wanted);
    const [template] = (await cluster.list(KINDS.Deployment, { namespace })).map((d) => d.spec.template);
    const containers = [{ ...template?.spec.containers[0], ...container }];
    const change = patch ?? { spec: { template: { spec: { containers } } } };
    const changed = await server.request("MERGE", path(KINDS.Deployment, "a"), change);
    expect(changed.status).toBe(200);
    await eventually(async () => {
      const seen = await cluster.get(KINDS.Deployment, { namespace, name: "a" });
      return seen?.metadata.resourceVersion === changed.body.metadata.resourceVersion;
    });
    await cluster.apply(KINDS.Deployment, wanted);
    const { body } = await server.request("GET", path(KINDS.Deployment, "a"));
    expect(body.metadata).toMatchObject(wanted.metadata);
    expect(body.spec.replicas).toBe(2);
    expect(body.spec.template.spec.containers[0]).toMatchObject({
      image: "vextir/driver:1",
      args: ["--port=8080"],
    });
  });

  test("what others add stays", async () => {
    await watchAll();
    await applyAll();
    await server.request("MERGE", path(KINDS.Deployment, "a"), {
      metadata: { annotations: { "deployment.kubernetes.io/revision": "3" } },
      spec: { minReadySeconds: 5 },
    });
    const before = (await writesHere()).length;
    await eventually(async () => {
      const seen = await cluster.get(KINDS.Deployment, { namespace, name: "a" });
      return seen?.metadata.annotations !== undefined;
    });
    await applyAll();
    expect((await writesHere()).length).toBe(before);
  });
});

test("a field that is no longer wanted is given up", async () => {
  await cluster.watch(KINDS.ServiceAccount, () => {});
  const account = (annotations?: Record<string, string>) =>
    cluster.apply(KINDS.ServiceAccount, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "a", namespace, ...(annotations && { annotations }) },
    });
  await account({ one: "1", two: "2" });
  await account({ two: "2" });
  expect((await server.request("GET", path(KINDS.ServiceAccount, "a"))).body.metadata.annotations).toEqual({
    two: "2",
  });
  await account();
  expect(
    (await server.request("GET", path(KINDS.ServiceAccount, "a"))).body.metadata.annotations,
  ).toBeUndefined();
});

test("the operator's own write is seen at once", async () => {
  await cluster.watch(KINDS.ConfigMap, () => {});
  const key = { namespace, name: "a" };
  await cluster.apply(KINDS.ConfigMap, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: key,
    data: { a: "1" },
  });
  expect((await cluster.get(KINDS.ConfigMap, key))?.data).toEqual({ a: "1" });
});

test("of many at once, one makes the object and all get it", async () => {
  const secret = (value: string) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "master", namespace },
    data: { seed: Buffer.from(value).toString("base64") },
  });
  const answers = await Promise.all(
    ["a", "b", "c", "d"].map((value) => cluster.createIfAbsent(KINDS.Secret, secret(value))),
  );
  expect(answers.filter(({ created }) => created)).toHaveLength(1);
  expect(new Set(answers.map(({ object }) => object.data?.["seed"])).size).toBe(1);
});

describe("deletion", () => {
  const key = () => ({ namespace, name: "a" });
  const make = async () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: key() };
    return (await cluster.apply(KINDS.ConfigMap, object)).metadata.uid as string;
  };

  test("spares an object that took the name", async () => {
    const uid = await make();
    await cluster.delete(KINDS.ConfigMap, key(), { uid });
    await make();
    await cluster.delete(KINDS.ConfigMap, key(), { uid });
    expect((await server.request("GET", path(KINDS.ConfigMap, "a"))).status).toBe(200);
  });

  test("of what is absent is no error, and no request where the cache knows", async () => {
    await cluster.delete(KINDS.ConfigMap, key());
    await cluster.watch(KINDS.ConfigMap, () => {});
    const before = (await writesHere()).length;
    await cluster.delete(KINDS.ConfigMap, key());
    expect((await writesHere()).length).toBe(before);
  });
});

describe("what the server refuses comes with its code", () => {
  const cases = [
    { reason: "an impossible value", code: "Invalid", metadata: {}, spec: { ports: [{ port: 99_999_999 }] } },
    { reason: "an unknown field", code: "Invalid", metadata: {}, spec: { colour: "red" } },
    {
      reason: "another uid",
      code: "Conflict",
      metadata: { uid: "0b2e6d0c-6a5b-4f43-b6c3-2a42d8b1a1a1" },
      spec: {},
    },
  ];
  test.each(cases)("$reason: $code", async ({ code, metadata, spec }) => {
    const object = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "a", namespace, ...metadata },
      spec,
    };
    await expect(cluster.apply(KINDS.Service, object)).rejects.toMatchObject({ name: "ClusterError", code });
  });

  test("a namespace that doesn't exist: NotFound", async () => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace: "nowhere" } };
    await expect(cluster.apply(KINDS.ConfigMap, object)).rejects.toMatchObject({ code: "NotFound" });
  });

  test("a user without the right: Forbidden; a server that is away: Unavailable", async () => {
    const token = await server.token({ namespace, name: "nobody" });
    const nobody = await openCluster(await server.kubeconfigFor(token));
    const failure = await nobody.get(KINDS.Secret, { namespace, name: "a" }).catch((error) => error);
    expect(failure).toBeInstanceOf(ClusterError);
    expect(failure.code).toBe("Forbidden");
    expect(failure.message).toContain(`Secret ${namespace}/a`);
    await nobody.close();
  });
});

test("a replica that may not lead any more writes nothing", async () => {
  const other = await openCluster(server.kubeconfig, { mayWrite: () => false });
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", namespace } };
  await expect(other.apply(KINDS.ConfigMap, object)).rejects.toMatchObject({ code: "Unavailable" });
  await expect(other.delete(KINDS.ConfigMap, { namespace, name: "a" })).rejects.toMatchObject({
    code: "Unavailable",
  });
  expect(await writesHere()).toEqual([]);
  await other.close();
});
