import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import type { Audited } from "../../fixtures/kube-audit.ts";
import {
  accessReview,
  asked,
  isAbout,
  nameOf,
  operatorPermissions,
  type Permission,
  rulesOf,
} from "../../fixtures/rbac.ts";
import { install, live } from "./lifetime.ts";
import { SYSTEM, World } from "./world.ts";

const OPERATOR = `system:serviceaccount:${SYSTEM}:vextir-operator`;
const GROUPS = ["system:serviceaccounts", `system:serviceaccounts:${SYSTEM}`, "system:authenticated"];
const RBAC = "/apis/rbac.authorization.k8s.io/v1";

/** Asked of the operator's account only where the cluster lets an admission plugin check it. */
const BY_ADMISSION = /\/finalizers$/;

let world: World;
let permissions: Permission[];

beforeAll(async () => {
  permissions = await operatorPermissions();
  const flags = ["--enable-admission-plugins=OwnerReferencesPermissionEnforcement"];
  world = await World.start({ operator: false, tls: true, api: { auditReads: true, flags } });
});
afterAll(() => world?.stop());

const requests = async (from?: Date) =>
  (await world.api.requests(from)).filter(({ user }) => user === OPERATOR);

const isDenied = ({ status }: Audited) => status === 403;

async function mayDo(user: string, request: Audited): Promise<boolean> {
  const path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
  return (await world.api.request("POST", path, accessReview(user, GROUPS, request))).body.status.allowed;
}

/** Makes the roles of this name give exactly these permissions. */
async function grant(name: string, granted: readonly Permission[]): Promise<void> {
  const home = `${RBAC}/namespaces/${SYSTEM}`;
  const roles = [
    [`${RBAC}/clusterroles/${name}`, "ClusterRole", false],
    [`${home}/roles/${name}`, "Role", true],
  ] as const;
  for (const [path, kind, atHome] of roles) {
    const body = { apiVersion: "rbac.authorization.k8s.io/v1", kind, metadata: { name } };
    const rules = rulesOf(granted, atHome);
    const answer = await world.api.request("APPLY", path, { ...body, rules });
    if (answer.status >= 300) throw new Error(answer.body.message);
  }
}

/** A user of this name who may do this. */
async function makeUser(name: string, granted: readonly Permission[]): Promise<void> {
  await grant(name, granted);
  const subjects = [{ kind: "User", name, apiGroup: "rbac.authorization.k8s.io" }];
  const binding = (kind: string) => ({
    metadata: { name },
    roleRef: { kind, name, apiGroup: "rbac.authorization.k8s.io" },
    subjects,
  });
  await world.api.request("POST", `${RBAC}/clusterrolebindings`, binding("ClusterRole"));
  await world.api.request("POST", `${RBAC}/namespaces/${SYSTEM}/rolebindings`, binding("Role"));
}

test("nothing in it reaches beyond what it names", async () => {
  for (const { group, resource, path = "", verb } of permissions) {
    expect(`${group} ${resource} ${path} ${verb}`).not.toContain("*");
    expect(["escalate", "bind", "impersonate", "deletecollection"]).not.toContain(verb);
    expect(["roles", "clusterroles", "rolebindings", "clusterrolebindings"]).not.toContain(resource);
    expect(["serviceaccounts/token", "pods/exec", "pods/attach", "nodes/proxy"]).not.toContain(resource);
  }
  const secrets = permissions.filter(({ resource }) => resource === "secrets");
  expect(secrets.filter(({ atHome }) => !atHome)).toEqual([]);
  // A create can't be bound to a name.
  expect(secrets.filter(({ name, verb }) => name === undefined && verb !== "create")).toEqual([]);
});

test("Secrets of other namespaces, and others of its own, are closed to it", async () => {
  const namespace = await world.api.namespace();
  const attempt = (verb: string, name?: string) =>
    exampleOf({ atHome: true, rule: 0, group: "", resource: "secrets", verb, ...(name && { name }) });
  for (const verb of ["get", "list", "watch", "update", "patch", "delete"]) {
    expect(await mayDo(OPERATOR, attempt(verb, "other"))).toBe(false);
    expect(await mayDo(OPERATOR, attempt(verb))).toBe(false);
  }
  for (const verb of ["get", "list", "watch", "create", "update", "patch", "delete"])
    for (const name of [undefined, "vextir-master"])
      expect(await mayDo(OPERATOR, { ...attempt(verb, name), namespace })).toBe(false);
});

describe("every permission is needed", () => {
  let made: Audited[];

  test("a lifetime of the operator is denied nothing", async () => {
    await live(world);
    made = (await requests()).flatMap(asked);
    expect(made.filter(isDenied)).toEqual([]);
  });

  test("without any one of them something that the operator asked for is denied", async () => {
    const reviewed = permissions.filter(({ resource }) => !BY_ADMISSION.test(resource));
    const users = reviewed.map((permission, index) => ({ permission, user: `without-${index}` }));
    await Promise.all(users.map(({ permission, user }) => makeUser(user, without([permission]))));
    const needless: string[] = [];
    for (const { permission, user } of users) {
      const other = made.find((request) => request.resource && !isAbout(permission, request, SYSTEM));
      if (other) await eventually(() => mayDo(user, other), "the user's other permissions");
      if (!(await isMissed(permission, user))) needless.push(nameOf(permission));
    }
    expect(needless).toEqual([]);
    console.log(`${made.length} requests of the operator need each of ${reviewed.length} permissions`);
  });

  /** Whether the user, who lacks the permission, may not do something that was done. */
  async function isMissed(permission: Permission, user: string): Promise<boolean> {
    const about = made.filter((request) => isAbout(permission, request, SYSTEM));
    const distinct = new Map(about.map((request) => [`${request.namespace}/${request.name}`, request]));
    for (const request of distinct.values()) if (!(await mayDo(user, request))) return true;
    return false;
  }
});

test("the operator itself is denied something without any rule, and without what an admission plugin asks for", async () => {
  const { true: byAdmission = [], false: others = [] } = Object.groupBy(permissions, ({ resource }) =>
    BY_ADMISSION.test(resource) ? "true" : "false",
  );
  const rules = Map.groupBy(others, ({ atHome, rule }) => `${atHome}/${rule}`).values();
  const told: string[] = [];
  for (const removed of [...rules, ...byAdmission.map((permission) => [permission])]) {
    await grant("vextir-operator", without(removed));
    for (const permission of removed)
      await eventually(async () => !(await mayDo(OPERATOR, exampleOf(permission))), "it is gone");
    const denied = await firstDenied();
    told.push(`without ${removed.map(nameOf).join(", ")}\n  denied: ${denied.verb} ${denied.path}`);
  }
  await grant("vextir-operator", permissions);
  console.log(told.join("\n"));
});

const without = (removed: readonly Permission[]) =>
  permissions.filter((permission) => !removed.includes(permission));

/** A request that the permission lets through. */
const exampleOf = ({ group, resource, verb, path = "", name }: Permission): Audited => ({
  ...{ at: new Date(), user: OPERATOR, userAgent: "", status: 0 },
  ...{ group, resource, verb, path, namespace: SYSTEM },
  ...(name && { name }),
});

/** Installs anew, until the operator is denied something. */
async function firstDenied(): Promise<Audited> {
  const from = new Date();
  const over = new AbortController();
  const installing = install(world, over.signal);
  try {
    return await eventually(async () => (await requests(from)).find(isDenied), "a denied request");
  } finally {
    over.abort();
    await installing;
  }
}
