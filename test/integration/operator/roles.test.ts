import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { plainTemplate } from "../../fixtures/chart.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { type ApiServer, startApiServer } from "../../fixtures/kube.ts";

const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const ROLES = ["view", "edit", "admin"] as const;
type Role = (typeof ROLES)[number];

let api: ApiServer;
let namespace: string;
let elsewhere: string;

beforeAll(async () => {
  api = await startApiServer();
  [namespace, elsewhere] = [await api.namespace(), await api.namespace()];
  await api.request("POST", "/api/v1/namespaces", { metadata: { name: "any" } });
  await api.applyManifests(await plainTemplate("roles.yaml", "any"));
  for (const role of ROLES) {
    await bind(`${RBAC}/namespaces/${namespace}/rolebindings`, role, role);
    await bind(`${RBAC}/clusterrolebindings`, role, `everywhere-${role}`);
  }
  const see = { verb: "get", resource: "drivers", in: namespace };
  for (const user of ROLES.flatMap((role) => [role, `everywhere-${role}`]))
    await eventually(() => may(user, see));
});
afterAll(() => api?.stop());

async function bind(path: string, role: Role, user: string): Promise<void> {
  const group = "rbac.authorization.k8s.io";
  const answer = await api.request("POST", path, {
    metadata: { name: user },
    roleRef: { apiGroup: group, kind: "ClusterRole", name: `vextir-${role}` },
    subjects: [{ apiGroup: group, kind: "User", name: user }],
  });
  expect(answer.status).toBe(201);
}

interface Attempt {
  verb: string;
  /** With its subresource; of `vextir.io` unless a group is named. */
  resource: string;
  group?: string;
  in?: string;
}

async function may(
  user: string,
  { verb, resource, group = "vextir.io", in: place }: Attempt,
): Promise<boolean> {
  const [plural, subresource] = resource.split("/");
  const resourceAttributes = { verb, group, resource: plural, subresource, namespace: place };
  const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  return (await api.request("POST", path, { spec: { user, resourceAttributes } })).body.status.allowed;
}

const READ = ["get", "list", "watch"];
const WRITE = ["create", "update", "patch", "delete", "deletecollection"];

/** Who may do it, in the namespace where the role is bound. */
const matrix: { resource: string; group?: string; verbs: string[]; roles: readonly Role[] }[] = [
  { resource: "drivers", verbs: READ, roles: ROLES },
  { resource: "drivers", verbs: WRITE, roles: ["edit", "admin"] },
  { resource: "drivers/scale", verbs: ["get"], roles: ROLES },
  { resource: "drivers/scale", verbs: ["update", "patch"], roles: ["edit", "admin"] },
  { resource: "drivers/status", verbs: ["get"], roles: ROLES },
  { resource: "drivers/status", verbs: ["update", "patch"], roles: [] },
  { resource: "drivers/finalizers", verbs: ["update"], roles: [] },
  { resource: "drivers/capabilities", verbs: ["get"], roles: ROLES },
  { resource: "drivers/scaling", verbs: ["get"], roles: ROLES },
  { resource: "drivers/deadletters", verbs: ["get", "update", "delete"], roles: ["edit", "admin"] },
  { resource: "drivers/replay", verbs: ["create"], roles: ["edit", "admin"] },
  { resource: "drivers/rotatekeys", verbs: ["create"], roles: ["admin"] },
  { resource: "drivers/rotatekeys", verbs: ["update"], roles: [] },
  { resource: "eventbuses", verbs: READ, roles: ROLES },
  { resource: "eventbuses", verbs: WRITE, roles: ["admin"] },
  { resource: "eventbuses/status", verbs: ["update", "patch"], roles: [] },
  { resource: "models", verbs: READ, roles: ROLES },
  { resource: "models", verbs: WRITE, roles: ["edit", "admin"] },
  { resource: "tenantpolicies", verbs: WRITE, roles: [] },
  { resource: "tenantpolicies/status", verbs: ["update", "patch"], roles: [] },
  { resource: "secrets", group: "", verbs: [...READ, ...WRITE], roles: [] },
  { resource: "pods", group: "", verbs: [...READ, ...WRITE], roles: [] },
  { resource: "pods/log", group: "", verbs: ["get"], roles: [] },
  { resource: "serviceaccounts/token", group: "", verbs: ["create"], roles: [] },
  {
    resource: "roles",
    group: "rbac.authorization.k8s.io",
    verbs: [...READ, ...WRITE, "bind", "escalate"],
    roles: [],
  },
];

const attempts = matrix.flatMap(({ verbs, roles, ...what }) =>
  verbs.map((verb) => ({
    ...what,
    verb,
    reason: `${verb} ${what.resource}: ${roles.join(", ") || "nobody"}`,
    roles,
  })),
);

describe("in the namespace where a role is bound", () => {
  test.each(attempts)("$reason", async ({ roles, ...attempt }) => {
    const allowed: string[] = [];
    for (const role of ROLES) {
      if (await may(role, { ...attempt, in: namespace })) allowed.push(role);
      expect(await may(role, { ...attempt, in: elsewhere })).toBe(false);
      expect(await may(role, attempt)).toBe(false);
    }
    expect(allowed).toEqual([...roles]);
  });
});

test("bound for the whole cluster, none of them writes a policy, and all that see Drivers see policies", async () => {
  for (const role of ROLES) {
    const user = `everywhere-${role}`;
    for (const verb of WRITE) expect(await may(user, { verb, resource: "tenantpolicies" })).toBe(false);
    expect(await may(user, { verb: "list", resource: "tenantpolicies" })).toBe(true);
    expect(await may(user, { verb: "get", resource: "secrets", group: "", in: namespace })).toBe(false);
  }
});

test("each is added to the cluster's own role of its name, which Kubernetes does by this label", async () => {
  const objects = parseAllDocuments(await plainTemplate("roles.yaml", "any")).map((document) =>
    document.toJS(),
  );
  for (const { metadata } of objects.filter(({ kind }) => kind === "ClusterRole")) {
    const role = metadata.name.replace("vextir-", "");
    expect(metadata.labels).toEqual({ [`rbac.authorization.k8s.io/aggregate-to-${role}`]: "true" });
    const { aggregationRule } = (await api.request("GET", `${RBAC}/clusterroles/${role}`)).body;
    const labels = aggregationRule.clusterRoleSelectors.map(
      ({ matchLabels }: { matchLabels: Record<string, string> }) => matchLabels,
    );
    expect(labels).toContainEqual(metadata.labels);
  }
});
