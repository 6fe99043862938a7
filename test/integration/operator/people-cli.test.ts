import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { clusterCapabilities } from "@vextir/cli/commands/cluster-capabilities.ts";
import { rotateClusterKeys } from "@vextir/cli/commands/cluster-keys.ts";
import { callTool, listTools } from "@vextir/cli/commands/tools.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { SYSTEM, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
  namespace = await world.api.namespace();
  await world.apply(namespace, "gateway", {
    class: "IO",
    module: "gateway",
    capabilities: { publish: ["a.b"] },
  });
  await world.waitFor(namespace, "gateway", "BusAccessReady", "True");
  await eventually(async () => world.operator?.apiPort, "the API is served");
  await eventually(() => world.get("v1", "configmaps", SYSTEM, "vextir-ca"), "whom to trust");
  for (const name of ["owner", "nobody"]) await world.api.token({ namespace: SYSTEM, name });
  await world.api.request("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
    metadata: { name: "owner" },
    roleRef: { kind: "ClusterRole", name: "cluster-admin", apiGroup: "rbac.authorization.k8s.io" },
    subjects: [{ kind: "ServiceAccount", namespace: SYSTEM, name: "owner" }],
  });
});
afterAll(() => world?.stop());

/** The API as `--server` names it; the certificate is for localhost too. */
const options = (change: object = {}) => ({
  ...{ namespace, kubeconfig: world.api.kubeconfig, pollMs: 100 },
  server: `https://localhost:${world.operator?.apiPort}`,
  ...change,
});

test("the kubeconfig user's token, and a ServiceAccount's that he makes, are shown; the authority is the cluster's", async () => {
  for (const who of [{}, { serviceAccount: `${SYSTEM}/owner` }]) {
    const told = await eventually(() => clusterCapabilities("gateway", options(who)), "told");
    expect(told).toContain("spec.capabilities.publish[0]");
  }
});

test("what is refused says why", async () => {
  const refused = clusterCapabilities("gateway", options({ serviceAccount: `${SYSTEM}/nobody` }));
  await expect(refused).rejects.toMatchObject({
    ...{ name: "OperatorError", code: "Refused" },
    message: expect.stringContaining(`can't get drivers/capabilities "gateway"`),
  });
  await expect(clusterCapabilities("absent", options())).rejects.toMatchObject({ code: "Refused" });
  await expect(
    clusterCapabilities("gateway", options({ server: "https://localhost:1" })),
  ).rejects.toMatchObject({
    code: "Unreachable",
  });
});

test("tools are shown and called, by whom it is allowed to", async () => {
  const silent = JSON.parse(await listTools(options({ output: "json" })));
  expect(silent).toEqual({ tools: [], silent: ["gateway"] });
  const pod = await world.connectAs(namespace, "gateway");
  pod.subscribe("call.gateway.*.vextir-cli", {
    callback: (_error, message) => {
      const [, , method] = message.subject.split(".");
      const described = message.headers?.get("Vextir-Describe") === "true";
      const tool = { name: "add", description: "Adds \u001b[31mred numbers." };
      const about =
        method === "_" ? [tool, { name: "query" }] : method === "add" ? [tool] : [{ name: method }];
      message.respond(JSON.stringify(described ? about : { sum: message.json<{ a: number }>().a + 1 }));
    },
  });
  await pod.flush();
  expect(await listTools(options())).toBe(
    ["TOOL          DESCRIPTION", "gateway.add   Adds \\x1b[31mred numbers."].join("\n"),
  );
  expect(JSON.parse(await callTool("gateway.add", '{"a": 1}', options()))).toEqual({ sum: 2 });
  await expect(callTool("gateway.query", "{}", options())).rejects.toMatchObject({
    message: expect.stringContaining("is no tool"),
  });
  const nobody = options({ serviceAccount: `${SYSTEM}/nobody` });
  for (const refused of [listTools(nobody), callTool("gateway.add", "{}", nobody)])
    await expect(refused).rejects.toMatchObject({ message: expect.stringContaining("drivers/tools") });
  await expect(callTool("absent.add", "{}", options())).rejects.toMatchObject({ code: "Refused" });
  await pod.close();
});

test("keys are rotated, and the end is waited for", async () => {
  expect(await rotateClusterKeys("driver", "gateway", options())).toContain(`driver ${namespace}/gateway`);
  expect(await rotateClusterKeys("tenant", undefined, options())).toContain(`tenant ${namespace}`);
  expect(await rotateClusterKeys("authority", undefined, options())).toContain("signs in an hour");
  await expect(rotateClusterKeys("everything", undefined, options())).rejects.toMatchObject({
    code: "Refused",
  });
});
