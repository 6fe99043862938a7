import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { Driver, KubeObject } from "@vextir/api";
import type { Applied } from "../../../operator/cluster.ts";
import { KINDS } from "../../../operator/kinds.ts";
import type { KubeCluster } from "../../../operator/kube/index.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";
import { openCluster } from "../../fixtures/kube-cluster.ts";

let server: ApiServer;
let cluster: KubeCluster;
let namespace: string;
let driver: Driver;
beforeAll(async () => {
  server = await startApiServer();
  await server.applyCrds(join(import.meta.dirname, "../../../crds"));
});
afterAll(() => server?.stop());
beforeEach(async () => {
  namespace = await server.namespace();
  const path = `/apis/vextir.io/v1alpha1/namespaces/${namespace}/drivers`;
  const made = await server.request("POST", path, {
    apiVersion: "vextir.io/v1alpha1",
    kind: "Driver",
    metadata: { name: "echo" },
    spec: { class: "Agent", module: "echo" },
  });
  expect(made.status).toBe(201);
  driver = made.body;
  cluster = await openCluster(server.kubeconfig);
  await cluster.watch(KINDS.Driver, () => {});
});
afterEach(() => cluster?.close());

const path = () => `/apis/vextir.io/v1alpha1/namespaces/${namespace}/drivers/echo`;
const live = async (): Promise<Driver> => (await server.request("GET", path())).body;
const writes = async () =>
  (await server.writes()).filter((w) => w.namespace === namespace && w.userAgent === "vextir-operator");

const metadata = () => ({ name: "echo", namespace, uid: driver.metadata.uid ?? "" });
const ready = (status: "True" | "False", message = "") => ({
  type: "Ready",
  status,
  reason: "Tested",
  message,
  lastTransitionTime: "2026-01-01T00:00:00Z",
});
const withStatus = (status: object): Applied<Driver> => ({ ...named(), status });
const named = () => ({ apiVersion: KINDS.Driver.apiVersion, kind: "Driver", metadata: metadata() });

describe("a status", () => {
  test("is written once, and once more when it differs", async () => {
    const first = withStatus({ replicas: 0, conditions: [ready("False", "waits")] });
    await cluster.applyStatus(KINDS.Driver, first);
    await cluster.applyStatus(KINDS.Driver, first);
    expect(await writes()).toHaveLength(1);
    await cluster.applyStatus(KINDS.Driver, withStatus({ replicas: 1, conditions: [ready("True")] }));
    expect((await live()).status).toMatchObject({
      replicas: 1,
      conditions: [{ type: "Ready", status: "True" }],
    });
    expect((await writes()).map(({ resource }) => resource)).toEqual(["drivers/status", "drivers/status"]);
  });

  test("is not written again by an operator that was started anew", async () => {
    const status = withStatus({ replicas: 0, selector: "a=b", conditions: [ready("True")] });
    await cluster.applyStatus(KINDS.Driver, status);
    const next = await openCluster(server.kubeconfig);
    await next.watch(KINDS.Driver, () => {});
    await next.applyStatus(KINDS.Driver, status);
    await next.close();
    expect(await writes()).toHaveLength(1);
  });

  test("loses a condition that is no longer wanted", async () => {
    const more = { ...ready("True"), type: "Active" };
    await cluster.applyStatus(KINDS.Driver, withStatus({ conditions: [ready("True"), more] }));
    await cluster.applyStatus(KINDS.Driver, withStatus({ conditions: [ready("True")] }));
    expect((await live()).status?.conditions?.map(({ type }) => type)).toEqual(["Ready"]);
  });

  test("leaves the spec alone", async () => {
    await cluster.applyStatus(KINDS.Driver, withStatus({ conditions: [ready("True")] }));
    expect((await live()).spec).toEqual(driver.spec);
    expect((await live()).metadata.generation).toBe(1);
  });

  test("of an object that is gone: NotFound", async () => {
    await server.request("DELETE", path());
    await eventually(
      async () => (await cluster.get(KINDS.Driver, { namespace, name: "echo" })) === undefined,
    );
    const write = cluster.applyStatus(KINDS.Driver, withStatus({ conditions: [] }));
    await expect(write).rejects.toMatchObject({ code: "NotFound" });
  });
});

describe("a finalizer", () => {
  const finalizers = (names: string[]): Applied<Driver> =>
    ({ ...named(), metadata: { ...metadata(), finalizers: names } }) as never;

  test("is added once, holds the object, and lets it go when it is given up", async () => {
    await cluster.apply(KINDS.Driver, finalizers(["vextir.io/bus"]));
    await cluster.apply(KINDS.Driver, finalizers(["vextir.io/bus"]));
    expect(await writes()).toHaveLength(1);
    expect((await live()).spec).toEqual(driver.spec);
    await server.request("DELETE", path());
    const dying = await eventually(async () => {
      const seen = await cluster.get(KINDS.Driver, { namespace, name: "echo" });
      return seen?.metadata.deletionTimestamp && seen;
    });
    expect((dying as KubeObject).metadata.finalizers).toEqual(["vextir.io/bus"]);
    await cluster.apply(KINDS.Driver, finalizers([]));
    expect((await server.request("GET", path())).status).toBe(404);
    await eventually(
      async () => (await cluster.get(KINDS.Driver, { namespace, name: "echo" })) === undefined,
    );
  });

  test("of others stays", async () => {
    await server.request("MERGE", path(), { metadata: { finalizers: ["example.com/other"] } });
    await cluster.apply(KINDS.Driver, finalizers(["vextir.io/bus"]));
    await cluster.apply(KINDS.Driver, finalizers([]));
    expect((await live()).metadata.finalizers).toEqual(["example.com/other"]);
    await server.request("MERGE", path(), { metadata: { finalizers: null } });
  });

  test("an object made again under the name is not made by an apply for the old one", async () => {
    await server.request("DELETE", path());
    const apply = cluster.apply(KINDS.Driver, finalizers(["vextir.io/bus"]));
    await expect(apply).rejects.toMatchObject({ name: "ClusterError" });
    expect((await server.request("GET", path())).status).toBe(404);
  });
});
