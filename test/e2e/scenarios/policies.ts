import { afterAll, expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { apply, get, kubectl, list } from "../cluster/kubectl.ts";
import { ProgramError } from "../cluster/program.ts";
import { driversReady, SYSTEM, TENANT } from "../installation.ts";

const policy = (spec: string) => `
apiVersion: vextir.io/v1alpha1
kind: TenantPolicy
metadata: {name: vextir-e2e}
spec:
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ${TENANT}}}
  ${spec}
`;

const podsOf = (name: string) => list("pods", "-n", TENANT, "-l", `vextir.io/driver=${name}`);

const accepted = async (driver: string, namespace: string) =>
  (await get("driver", driver, "-n", namespace)).status?.conditions?.find(
    (c: { type: string }) => c.type === "Accepted",
  );

const can = (user: string, verb: string, resource: string) =>
  kubectl("auth", "can-i", verb, resource, "-n", TENANT, `--as=${user}`).then(
    (answer) => answer.trim() === "yes",
    (error: ProgramError) => {
      if (error instanceof ProgramError) return false;
      throw error;
    },
  );

export function policies() {
  afterAll(() => kubectl("delete", "tenantpolicy", "vextir-e2e", "--ignore-not-found"));

  test("a Driver that a policy no longer admits loses its pods, and comes back by itself", async () => {
    await apply(policy("classes: [IO, Agent]"));
    const refused = await eventually(async () => {
      const found = await accepted("toolbox", TENANT);
      return found?.reason === "PolicyViolation" && found;
    }, "toolbox is refused");
    expect(refused.message).toBe("TenantPolicy vextir-e2e: spec.class: Tool is beyond classes (IO, Agent)");
    await eventually(async () => (await podsOf("toolbox")).length === 0, "it has no pods");
    await eventually(async () => {
      return (await get("tenantpolicy", "vextir-e2e")).status?.refused === 1;
    }, "the policy counts it");
    await apply(policy("classes: [IO, Agent, Tool]"));
    await driversReady("toolbox");
  });

  test("the cluster's own roles view, edit and admin know Drivers", async () => {
    const users = ["view", "edit", "admin"];
    for (const role of users)
      await apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: e2e-${role}, namespace: ${TENANT}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: ${role}}
subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: e2e-${role}}]
`);
    const who = async (verb: string, resource: string) => {
      const answers = await Promise.all(users.map((role) => can(`e2e-${role}`, verb, resource)));
      return users.filter((_, index) => answers[index]);
    };
    await eventually(async () => (await who("list", "drivers")).length === 3, "all may see Drivers");
    expect(await who("create", "drivers")).toEqual(["edit", "admin"]);
    expect(await who("patch", "eventbuses")).toEqual(["admin"]);
    expect(await who("patch", "tenantpolicies")).toEqual([]);
  });

  test("beside the operator there is no Driver", async () => {
    await apply(`
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: intruding, namespace: ${SYSTEM}}
spec: {class: Tool, module: toolbox}
`);
    await eventually(
      async () => (await accepted("intruding", SYSTEM))?.reason === "ReservedNamespace",
      "it is refused",
    );
    expect(await list("pods", "-n", SYSTEM, "-l", "vextir.io/driver=intruding")).toEqual([]);
    await kubectl("delete", "driver", "intruding", "-n", SYSTEM, "--timeout=120s");
  });
}
