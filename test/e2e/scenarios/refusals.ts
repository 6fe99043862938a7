import { expect, test } from "@jest/globals";
import { eventually } from "../../fixtures/eventually.ts";
import { apply, get, isReady, kubectl, list } from "../cluster/kubectl.ts";
import { ProgramError } from "../cluster/program.ts";
import { driversReady, TENANT } from "../installation.ts";

const manifest = (name: string, spec: string) => `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: ${name}, namespace: ${TENANT}}
spec: ${spec}
`;

/** A Driver of one file, whose code says what its configuration must be. */
const scribe = (config: string) => `
apiVersion: vextir.io/v1alpha1
kind: Driver
metadata: {name: scribe, namespace: ${TENANT}}
spec:
  class: Agent
  config: ${config}
  subscriptions: [{types: [note.taken]}]
  capabilities: {publish: [note.kept], state: true}
  source:
    inline: |
      import { defineDriver } from "@vextir/driver-runtime";
      import { z } from "zod";
      export default defineDriver({
        name: "scribe",
        version: "1.0.0",
        class: "Agent",
        config: z.object({ desk: z.string().min(1) }),
        capabilities: { publish: ["note.kept"], state: true },
        on: {
          "note.taken": async (event, ctx, driver) => {
            await ctx.publish("note.kept", { desk: driver.config.desk });
          },
        },
      });
`;

const condition = async (name: string, type: string) =>
  (await get("driver", name, "-n", TENANT)).status?.conditions?.find(
    (c: { type: string }) => c.type === type,
  );

const podsOf = (name: string) => list("pods", "-n", TENANT, "-l", `vextir.io/driver=${name}`);

export function refusals() {
  const table = [
    { reason: "no class", spec: "{module: toolbox}", field: "spec.class" },
    { reason: "nothing to run", spec: "{class: Tool}", field: "set module or source" },
    { reason: "a misspelt class", spec: "{class: Wizard, module: toolbox}", field: "spec.class" },
    {
      reason: "a negative number of replicas",
      spec: "{class: Tool, module: toolbox, replicas: -1}",
      field: "spec.replicas",
    },
    {
      reason: "a pattern that NATS can't match",
      spec: '{class: Tool, module: toolbox, capabilities: {publish: ["a..b"]}}',
      field: "spec.capabilities.publish[0]",
    },
  ];
  test.each(table)("$reason: kubectl is refused with the field's name", async ({ spec, field }) => {
    const error = await apply(manifest("wrong", spec)).then(
      () => undefined,
      (thrown: ProgramError) => thrown,
    );
    expect(error).toBeInstanceOf(ProgramError);
    expect(error?.stderr).toContain(field);
  });

  test("what only the operator can know is a condition, and the last good pods stay", async () => {
    await apply(scribe("{desk: oak}"));
    await driversReady("scribe");
    const before = (await podsOf("scribe")).map(({ metadata }) => metadata.uid);
    await apply(scribe("{desk: 7}"));
    const accepted = await eventually(async () => {
      const found = await condition("scribe", "Accepted");
      return found?.status === "False" && found;
    }, "Accepted=False");
    expect(accepted.message).toContain("desk");
    const pods = await podsOf("scribe");
    expect(pods.filter(isReady).map(({ metadata }) => metadata.uid)).toEqual(before);
    await apply(scribe("{desk: elm}"));
    await driversReady("scribe");
  });

  test("the others went on all the while", async () => {
    expect(await kubectl("get", "drivers", "-n", TENANT, "-o", "jsonpath={.items[*].metadata.name}")).toBe(
      "assistant gateway intruder scribe toolbox",
    );
    await driversReady();
  });
}
