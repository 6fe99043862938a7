import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { NatsConnection } from "@nats-io/transport-node";
import { Manifest, type ManifestInput, type ManifestVerdict } from "@vextir/api";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, World } from "./world.ts";

let world: World;
let namespace: string;

beforeAll(async () => {
  world = await World.start();
});
afterAll(() => world?.stop());
beforeEach(async () => {
  namespace = await world.api.namespace();
});

const code = (text = "export default 1") => ({
  class: "Tool",
  source: { inline: text },
  config: { limit: 3 },
  capabilities: { publish: ["a.b"] },
});

const manifest = (input: Partial<ManifestInput> = {}): Manifest =>
  Manifest.parse({
    name: "scribe",
    version: "2.0.0",
    class: "Tool",
    config: { type: "object", properties: { limit: { type: "number" } }, required: ["limit"] },
    ...input,
  });

const templateOf = async (name: string): Promise<string> => {
  const deployment = await eventually(() => world.deployment(namespace, name), "a Deployment");
  return deployment.metadata.labels["vextir.io/template-hash"];
};

/** As the runtime does when it starts. */
async function report(pod: NatsConnection, template: string, body: Manifest): Promise<ManifestVerdict> {
  const request = JSON.stringify({ pod: "scribe-0", templateHash: template, manifest: body });
  // Nobody listens yet: asked again.
  const answer = await eventually(
    () => pod.request("vextir.report", request, { timeout: 10_000 }),
    "an answer",
  );
  return answer.json();
}

test("code that is not built in waits for a verdict on its manifest", async () => {
  await world.apply(namespace, "scribe", code());
  const template = await templateOf("scribe");
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "Unknown", "AwaitingManifest");
  const pod = await world.connectAs(namespace, "scribe");
  expect(await report(pod, template, manifest())).toMatchObject({ accepted: true });
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "True", "Granted");
  const { status } = await world.driver(namespace, "scribe");
  expect(status.manifest).toMatchObject({ name: "scribe", version: "2.0.0" });
  const stored = await world.get("v1", "configmaps", namespace, "scribe-manifests");
  expect(Object.keys(stored.data)).toEqual([template]);
  await pod.close();
});

test("needs that are not granted are refused by name, and accepted once they are granted", async () => {
  await world.apply(namespace, "scribe", code());
  const pod = await world.connectAs(namespace, "scribe");
  const needy = manifest({ capabilities: { publish: ["a.b", "a.c"], state: true } });
  const refused = await report(pod, await templateOf("scribe"), needy);
  expect(refused).toMatchObject({ accepted: false, reason: "CapabilitiesMissing" });
  expect(refused.message).toContain("publish a.c; state");
  const missing = await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "False", "Missing");
  expect(missing.message).toContain("publish a.c; state");
  const before = await templateOf("scribe");
  await world.apply(namespace, "scribe", { ...code(), capabilities: { publish: ["a.*"], state: true } });
  const template = await eventually(async () => {
    const found = await templateOf("scribe");
    return found !== before && found;
  }, "another template");
  // The operator takes a breath between two manifests of one driver; the runtime asks again too.
  await eventually(async () => (await report(pod, template, needy)).accepted, "accepted");
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "True");
  await pod.close();
});

test("a configuration that the reported schema refuses makes Accepted=False; the same code is then known", async () => {
  await world.apply(namespace, "scribe", code());
  const pod = await world.connectAs(namespace, "scribe");
  const template = await templateOf("scribe");
  expect(await report(pod, template, manifest())).toMatchObject({ accepted: true });
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "True");
  await world.apply(namespace, "scribe", { ...code(), config: { limit: "three" } });
  const refused = await world.waitFor(namespace, "scribe", "Accepted", "False", "ConfigInvalid");
  expect(refused.message).toContain("config.limit");
  expect(await templateOf("scribe")).toBe(template);
  await world.apply(namespace, "scribe", { ...code(), config: { limit: 4 } });
  await world.waitFor(namespace, "scribe", "Accepted", "True");
  await eventually(async () => (await templateOf("scribe")) !== template, "new pods");
  await pod.close();
});

test("a pod that is refused at its first start is told what is wrong", async () => {
  await world.apply(namespace, "scribe", { ...code(), config: { limit: "three" } });
  const pod = await world.connectAs(namespace, "scribe");
  const verdict = await report(pod, await templateOf("scribe"), manifest());
  expect(verdict).toMatchObject({ accepted: false, reason: "ConfigInvalid" });
  await world.waitFor(namespace, "scribe", "Accepted", "False", "ConfigInvalid");
  await pod.close();
});

test("nobody reports for a template that is not its own, or with a class that is not its own", async () => {
  await world.apply(namespace, "scribe", code());
  const pod = await world.connectAs(namespace, "scribe");
  expect(await report(pod, "00000000", manifest())).toMatchObject({ reason: "UnknownTemplate" });
  expect(await report(pod, "../../x", manifest())).toMatchObject({ reason: "UnknownTemplate" });
  const verdict = await report(pod, await templateOf("scribe"), manifest({ class: "Agent" }));
  expect(verdict).toMatchObject({ accepted: false, reason: "ClassMismatch" });
  await pod.close();
});

test("a schema that takes for ever is broken off, and others are served meanwhile", async () => {
  await world.apply(namespace, "scribe", { ...code(), config: { text: `${"a".repeat(40)}!` } });
  const pod = await world.connectAs(namespace, "scribe");
  const hostile = manifest({
    config: { type: "object", properties: { text: { type: "string", pattern: "^(a+)+$" } } },
  });
  const verdict = await report(pod, await templateOf("scribe"), hostile);
  expect(verdict).toMatchObject({ accepted: false, reason: "ConfigInvalid" });
  await pod.close();
});

test("verdicts outlive the operator", async () => {
  await world.apply(namespace, "scribe", code());
  const pod = await world.connectAs(namespace, "scribe");
  const template = await templateOf("scribe");
  expect(await report(pod, template, manifest())).toMatchObject({ accepted: true });
  await pod.close();
  await world.stopOperator();
  await world.startOperator();
  await world.admits();
  await world.apply(namespace, "scribe", { ...code(), replicas: 2 });
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "True", "Granted");
});

test("code of a ConfigMap: it may come later, and its changes make new pods", async () => {
  const source = { configMapRef: { name: "code", key: "main.ts" } };
  await world.apply(namespace, "scribe", { class: "Tool", source });
  const missing = await world.waitFor(namespace, "scribe", "Accepted", "False", "SourceNotFound");
  expect(missing.message).toContain("ConfigMap code");
  const configMaps = collection("v1", "configmaps", namespace);
  const configMap = (text: string) => ({ metadata: { name: "code" }, data: { "main.ts": text } });
  await world.api.request("POST", configMaps, configMap("export default 1"));
  await world.waitFor(namespace, "scribe", "Accepted", "True");
  const before = await templateOf("scribe");
  const held = await world.get("v1", "configmaps", namespace, `scribe-${before}`);
  expect(held.data["driver.ts"]).toBe("export default 1");
  await world.api.request("MERGE", `${configMaps}/code`, configMap("export default 2"));
  await eventually(async () => (await templateOf("scribe")) !== before, "new pods");
  const template = await templateOf("scribe");
  await world.api.request("DELETE", `${configMaps}/code`);
  await world.waitFor(namespace, "scribe", "Accepted", "False", "SourceNotFound");
  expect(await templateOf("scribe")).toBe(template);
});

test("what code asks for is what its pods get: made once more after the first report, not after another edit", async () => {
  const resourcesOf = async () =>
    (await world.deployment(namespace, "scribe")).spec.template.spec.containers[0].resources;
  const asking = manifest({ resources: { requests: { memory: "64Mi" } } });
  await world.apply(namespace, "scribe", code());
  const pod = await world.connectAs(namespace, "scribe");
  const first = await templateOf("scribe");
  expect(await report(pod, first, asking)).toMatchObject({ accepted: true });
  const second = await eventually(async () => {
    const found = await templateOf("scribe");
    return found !== first && found;
  }, "made once more");
  expect(await resourcesOf()).toEqual({ requests: { memory: "64Mi" } });
  await eventually(async () => (await report(pod, second, asking)).accepted, "accepted");
  await world.apply(namespace, "scribe", code("export default 2"));
  const third = await eventually(async () => {
    const found = await templateOf("scribe");
    return found !== second && found;
  }, "the edit");
  expect(await resourcesOf()).toEqual({ requests: { memory: "64Mi" } });
  await eventually(async () => (await report(pod, third, asking)).accepted, "accepted");
  await world.waitFor(namespace, "scribe", "CapabilitiesGranted", "True", "Granted");
  expect(await templateOf("scribe")).toBe(third);
  await pod.close();
});
