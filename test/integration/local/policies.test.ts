import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { DriverRow } from "@vextir/cli/local/driver-table.ts";
import type { Explanation } from "@vextir/operator/explain/explanation.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { LocalProcess } from "./local-process.ts";

const driver = `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: scribe }
spec:
  class: Agent
  subscriptions: [{ types: [note.taken] }]
  capabilities: { publish: [note.kept], call: [toolbox.*], state: true }
  source:
    inline: |
      import { defineDriver } from "@vextir/driver-runtime";
      export default defineDriver({
        name: "scribe", version: "1.2.3", class: "Agent",
        capabilities: { publish: ["note.kept"], state: true },
        on: { "note.taken": async () => {} },
      });
`;
const toolbox = `apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: { name: toolbox }
spec: { class: Tool, module: toolbox }
`;
const policy = (spec: string) => `apiVersion: vextir.io/v1alpha1
kind: TenantPolicy
metadata: { name: notes }
spec: ${spec}
`;
const namespace = (labels: string) => `apiVersion: v1
kind: Namespace
metadata: { name: default, labels: ${labels} }
`;

let local: LocalProcess;
beforeAll(async () => {
  local = await LocalProcess.create({
    "scribe.yaml": driver,
    "toolbox.yaml": toolbox,
    "policy.yaml": policy("{ capabilities: { publish: [note.>] } }"),
  });
  local.up();
});
afterAll(() => local?.dispose());

const run = async (...args: string[]) => (await local.run(...args)).stdout;
const isRefused = (rows: readonly DriverRow[]) =>
  rows.some(
    ({ name, reason, replicas }) => name === "scribe" && reason === "PolicyViolation" && replicas === 0,
  );
/** No process of scribe's is left, so that nothing but a policy or a label makes anybody look at it again. */
const settled = () =>
  eventually(async () => !(await local.processes()).some(({ what }) => what.includes("scribe")));
const explained = async (): Promise<Explanation> =>
  JSON.parse(await run("capabilities", "scribe", "-o", "json"));

test("what a driver may do is told by the lines of its spec, its needs and its policies", async () => {
  await local.ready("scribe", "toolbox");
  const text = await run("capabilities", "scribe");
  for (const row of [
    /^Driver default\/scribe$/m,
    /^spec\.subscriptions\[0\] +default: note\.taken +BUS\.API\.CONSUMER\.INFO\.EVENTS\.scribe_default +bus$/m,
    /^spec\.capabilities\.publish\[0\] +note\.kept +evt\.scribe\.\*\.note\.kept +bus$/m,
    /^spec\.capabilities\.call\[0\] +toolbox\.\* +call\.toolbox\.\*\.scribe +driver toolbox$/m,
    /^Needs, by the manifest of scribe 1\.2\.3:$/m,
    /^state +spec\.capabilities\.state$/m,
    /^notes +capabilities\.publish +note\.>$/m,
  ])
    expect(text).toMatch(row);
  expect(await explained()).toMatchObject({ isAdmitted: true, violations: [] });
});

test("a policy of the folder is held against its drivers at once", async () => {
  await local.write("policy.yaml", policy("{ inlineSource: Deny }"));
  await local.drivers(isRefused, "scribe is refused and has no pods");
  expect(await explained()).toMatchObject({
    isAdmitted: false,
    violations: [{ policy: "notes", field: "spec.source", rule: "inlineSource" }],
  });
  expect(await run("capabilities", "scribe")).toContain("NOT ADMITTED");
  await local.write(
    "policy.yaml",
    policy("{ inlineSource: Deny, namespaceSelector: { matchLabels: { tier: low } } }"),
  );
  await local.ready("scribe", "toolbox");
  await local.write("namespace.yaml", namespace("{ tier: low }"));
  await local.drivers(isRefused, "scribe is refused and has no pods");
  await settled();
  await local.remove("namespace.yaml");
  await local.ready("scribe", "toolbox");
});

test("a driver that there is not is told, with those that there are", async () => {
  await expect(run("capabilities", "nobody")).rejects.toMatchObject({
    stderr: expect.stringContaining(
      "there is no Driver nobody in namespace default; there are: scribe, toolbox",
    ),
  });
});
