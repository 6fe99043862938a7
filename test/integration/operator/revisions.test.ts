import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import { history } from "@vextir/cli/commands/history.ts";
import { rollbackCluster } from "@vextir/cli/commands/rollback.ts";
import { parse } from "yaml";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});

const version = (mark: string, rest: object = {}) => ({
  ...{ class: "Agent", module: "assistant", args: [mark] },
  capabilities: { publish: ["chat.message.sent"] },
  ...rest,
});

const revisions = async () =>
  (await world.list("apps/v1", "controllerrevisions", namespace))
    .map(({ metadata, revision, data }) => ({ revision, mark: data.spec.args[0], metadata }))
    .sort((a, b) => a.revision - b.revision);
const kept = async () => (await revisions()).map(({ revision, mark }) => `${revision} ${mark}`);

const markOf = async () =>
  (await world.deployment(namespace, "agent"))?.spec.template.spec.containers[0].args?.[0];

/** The Driver says this, and the Deployment was told so. */
async function apply(mark: string, rest: object = {}, metadata: object = {}): Promise<void> {
  await world.apply(namespace, "agent", version(mark, rest), metadata);
  await eventually(async () => (await markOf()) === mark, `${mark} is rolled out`);
}

/** Its pods get ready. */
async function works(): Promise<void> {
  await world.makePodsReady(namespace, "agent");
  await world.waitFor(namespace, "agent", "Ready", "True");
}

const asUser = (change: object = {}) => ({
  namespace,
  cluster: true,
  kubeconfig: world.api.kubeconfig,
  ...change,
});

test("what ran is kept, what never got ready is not, and a rollback brings back what ran last", async () => {
  await apply("one", { replicas: 2 });
  expect(await kept()).toEqual([]);
  await works();
  await eventually(async () => (await kept()).includes("1 one"), "kept");
  await apply("two", { replicas: 2 }, { annotations: { "kubernetes.io/change-cause": "a new prompt" } });
  await works();
  await eventually(async () => (await kept()).includes("2 two"), "kept");
  const { status } = await world.driver(namespace, "agent");
  expect(status.currentRevision).toBe((await revisions()).at(-1)?.metadata.name);

  await apply("bad", { replicas: 3 });
  await world.waitFor(namespace, "agent", "RuntimeHealthy", "False");
  const strategy = (await world.deployment(namespace, "agent")).spec.strategy;
  expect(strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
  expect(await kept()).toEqual(["1 one", "2 two"]);
  expect(await history("agent", asUser())).toMatch(/^REVISION.*\n1 .*\n2 .* assistant +a new prompt$/);

  const dry = await rollbackCluster("agent", asUser({ dryRun: true }));
  expect(dry).toContain("would");
  expect(await markOf()).toBe("bad");
  const notes: string[] = [];
  expect(await rollbackCluster("agent", asUser(), (note) => notes.push(note))).toContain("revision 2");
  expect(notes.join()).toContain("file");
  await eventually(async () => (await markOf()) === "two", "back");
  const { spec } = await world.driver(namespace, "agent");
  expect(spec).toMatchObject({ args: ["two"], replicas: 3 });
  await works();
  await rollbackCluster("agent", asUser({ toRevision: 1 }));
  await eventually(async () => (await markOf()) === "one", "back");
  await works();
  await eventually(async () => `${await kept()}` === "2 two,3 one", "the newest");
});

test("so many are kept as the Driver says; they are its own, and go with it", async () => {
  for (const mark of ["a", "b", "c", "d"]) {
    await apply(mark, { revisionHistoryLimit: 2 });
    await works();
  }
  expect(await kept()).toEqual(["2 b", "3 c", "4 d"]);
  const { metadata } = await world.driver(namespace, "agent");
  for (const revision of await revisions())
    expect(revision.metadata.ownerReferences).toMatchObject([{ kind: "Driver", uid: metadata.uid }]);
});

test("an inline source comes back as it was; `history --revision` shows it without defaults", async () => {
  const source = { inline: 'export default "one";\n' };
  const spec = { class: "Tool", source, subscriptions: [{ types: ["a.b"] }] };
  await world.apply(namespace, "agent", spec);
  const deployment = await eventually(() => world.deployment(namespace, "agent"), "a Deployment");
  const pod = await world.connectAs(namespace, "agent");
  const template = deployment.metadata.labels["vextir.io/template-hash"];
  const manifest = { name: "agent", version: "1.0.0", class: "Tool", capabilities: {} };
  const report = JSON.stringify({ pod: "agent-0", templateHash: template, manifest });
  await eventually(() => pod.request("vextir.report", report, { timeout: 10_000 }), "a verdict");
  await pod.close();
  await works();
  await world.apply(namespace, "agent", { ...spec, source: { inline: "throw new Error()" } });
  await world.waitFor(namespace, "agent", "RuntimeHealthy", "False");
  const shown = parse(await history("agent", asUser({ revision: 1 })));
  expect(shown.spec).toEqual({ class: "Tool", source, subscriptions: [{ types: ["a.b"] }] });
  await rollbackCluster("agent", asUser());
  expect((await world.driver(namespace, "agent")).spec.source).toEqual(source);
  await eventually(async () => {
    const { metadata } = await world.deployment(namespace, "agent");
    return metadata.labels["vextir.io/template-hash"] === template;
  }, "back");
});

test("it takes the right to patch the Driver, and to read what is kept", async () => {
  await apply("one");
  await works();
  await apply("two");
  const kubeconfig = async (name: string, rules: object[]) => {
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
    await world.api.request("POST", `${rbac}/roles`, { metadata: { name }, rules });
    await world.api.request("POST", `${rbac}/rolebindings`, {
      metadata: { name },
      roleRef: { kind: "Role", name, apiGroup: "rbac.authorization.k8s.io" },
      subjects: [{ kind: "ServiceAccount", namespace: SYSTEM, name }],
    });
    return world.api.kubeconfigFor(await world.api.token({ namespace: SYSTEM, name }));
  };
  const read = [
    { apiGroups: ["vextir.io"], resources: ["drivers"], verbs: ["get"] },
    { apiGroups: ["apps"], resources: ["controllerrevisions"], verbs: ["list"] },
  ];
  const change = { apiGroups: ["vextir.io"], resources: ["drivers"], verbs: ["patch"] };
  const may = await kubeconfig("may", [...read, change]);
  const reader = await kubeconfig("reader", read);
  const refused = () => rollbackCluster("agent", asUser({ kubeconfig: reader }));
  await eventually(async () => {
    const error: Error = await refused().catch((error) => error);
    return error.message.includes('cannot patch resource "drivers"');
  }, "the reader is refused by name");
  expect(await eventually(() => history("agent", asUser({ kubeconfig: reader })), "history")).toContain(
    "REVISION",
  );
  await eventually(() => rollbackCluster("agent", asUser({ kubeconfig: may })), "rolled back");
  await eventually(async () => (await markOf()) === "one", "back");
});

test("what is not there says so", async () => {
  await apply("one");
  await expect(rollbackCluster("agent", asUser())).rejects.toMatchObject({
    ...{ name: "OperatorError", code: "Refused" },
    message: expect.stringContaining("no other version"),
  });
  await expect(rollbackCluster("agent", asUser({ toRevision: 7 }))).rejects.toThrow("no revision 7");
  await expect(history("absent", asUser())).rejects.toMatchObject({ code: "NotFound" });
  await world.api.request("POST", collection("apps/v1", "controllerrevisions", namespace), {
    metadata: { name: "agent-0123456789", labels: { "vextir.io/driver": "agent" } },
    revision: 1,
    data: { spec: version("forged") },
  });
  await expect(rollbackCluster("agent", asUser())).rejects.toThrow("no other version");
});
