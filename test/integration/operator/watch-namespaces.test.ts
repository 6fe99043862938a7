import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { plainTemplate } from "../../fixtures/chart.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { SYSTEM, World } from "./world.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const OPERATOR = `system:serviceaccount:${SYSTEM}:vextir-operator`;
const gateway = { class: "IO", module: "gateway", capabilities: { publish: ["a.b"] } };

let world: World;
let watched: string[];
let other: string;

/** As the chart does with these `watchNamespaces`. */
async function bindIn(namespaces: readonly string[]): Promise<void> {
  await world.api.request("DELETE", `${RBAC}/clusterrolebindings/vextir-operator`);
  const [, ...cluster] = (await plainTemplate("operator-rbac-namespaces.yaml", SYSTEM)).split("---\n");
  await world.api.applyManifests(cluster.join("---\n"));
  for (const namespace of namespaces) {
    await world.api.request("POST", `${RBAC}/namespaces/${namespace}/rolebindings`, {
      metadata: { name: "vextir-operator-tenant" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "vextir-operator" },
      subjects: [{ kind: "ServiceAccount", name: "vextir-operator", namespace: SYSTEM }],
    });
  }
}

beforeAll(async () => {
  world = await World.start({ operator: false, api: { auditReads: true } });
  watched = [await world.api.namespace(), await world.api.namespace()];
  other = await world.api.namespace();
  // All of them are there while the operator works everywhere.
  await world.startOperator();
  await world.startNats();
  for (const namespace of [...watched, other]) await world.apply(namespace, "gateway", gateway);
  for (const namespace of [...watched, other])
    await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  await world.stopOperator();
  await bindIn(watched);
  await world.startOperator({ watchNamespaces: watched });
  await world.admits();
});
afterAll(() => world?.stop());

test("it works in the namespaces that are named, with rights in them alone", async () => {
  const from = new Date();
  for (const namespace of watched) {
    await world.apply(namespace, "late", gateway);
    await world.waitFor(namespace, "late", "BusAccessReady", "True");
    await (await world.connectAs(namespace, "late")).close();
    await world.apply(namespace, "late", { ...gateway, replicas: 2 });
    await eventually(
      async () => (await world.deployment(namespace, "late"))?.spec.replicas === 2,
      "two replicas",
    );
    await world.delete(namespace, "late");
    await eventually(async () => !(await world.driver(namespace, "late")), "it is gone");
  }
  const denied = (await world.api.requests(from)).filter(
    ({ user, status }) => user === OPERATOR && status === 403,
  );
  expect(denied).toEqual([]);
});

test("a policy holds there as everywhere", async () => {
  const [namespace = ""] = watched;
  const path = "/apis/vextir.io/v1alpha1/tenantpolicies/none";
  const body = { apiVersion: "vextir.io/v1alpha1", kind: "TenantPolicy", metadata: { name: "none" } };
  await world.api.request("APPLY", path, { ...body, spec: { classes: [] } });
  await world.waitFor(namespace, "gateway", "Accepted", "False", "PolicyViolation");
  await eventually(
    async () => (await world.api.request("GET", path)).body.status?.refused === 2,
    "its status",
  );
  await world.api.request("DELETE", path);
  await world.waitFor(namespace, "gateway", "Accepted", "True");
});

test("in others it does nothing, and takes nothing away that stands", async () => {
  await world.apply(other, "late", gateway);
  const [namespace = ""] = watched;
  await world.apply(namespace, "marker", gateway);
  await world.waitFor(namespace, "marker", "BusAccessReady", "True");
  const late = await world.driver(other, "late");
  expect(late.status).toBeUndefined();
  expect(late.metadata.finalizers).toBeUndefined();
  expect(await world.accounts(other)).toEqual(["gateway"]);
  const writes = (await world.api.writes()).filter(
    ({ user, namespace: place }) => user === OPERATOR && place === other,
  );
  const last = writes.at(-1)?.at ?? new Date(0);
  await world.apply(other, "gateway", { ...gateway, replicas: 3 });
  await world.apply(namespace, "marker", { ...gateway, replicas: 3 });
  await eventually(
    async () => (await world.deployment(namespace, "marker"))?.spec.replicas === 3,
    "three replicas",
  );
  const later = (await world.api.writes(new Date(last.getTime() + 1))).filter(
    ({ user, namespace: place }) => user === OPERATOR && place === other,
  );
  expect(later).toEqual([]);
});
