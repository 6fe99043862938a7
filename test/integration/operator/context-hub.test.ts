/** The hub as the chart deploys it: the operator's Secrets, the cluster's API server and the leader's word, all real. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Capabilities } from "@vextir/api";
import { ClusterApi } from "@vextir/context-hub/access/cluster-api.ts";
import { ClusterTokens } from "@vextir/context-hub/access/cluster-tokens.ts";
import { readHubConfiguration } from "@vextir/context-hub/configuration.ts";
import { type HubProcess, startHub } from "@vextir/context-hub/process.ts";
import { pino } from "pino";
import { ContextAccess } from "../../../driver-runtime/context/context.ts";
import { plainTemplate } from "../../fixtures/chart.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { collection, SYSTEM, World } from "./world.ts";

const ALL = ["read", "write", "search", "synthesize"] as const;
const notes = (...verbs: (typeof ALL)[number][]) => [{ collection: "notes", verbs, users: "All" as const }];
const note = { collection: "notes", user: "u", content: "the shed's key hangs behind the blue door" };

let world: World;
let folder: string;
let hub: HubProcess;
let namespace: string;
let cluster: { url: string; tokenFile: string; caFile: string };
const lines: string[] = [];

const file = (name: string) => join(folder, name);

/** As the kubelet brings it into a pod. */
async function project(secret: string): Promise<void> {
  const { data } = await eventually(() => world.get("v1", "secrets", SYSTEM, secret), secret);
  for (const [name, content] of Object.entries<string>(data))
    await writeFile(file(name), Buffer.from(content, "base64"));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-hub-"));
  world = await World.start({ tls: true });
  namespace = await world.api.namespace();
  await world.api.applyManifests(await plainTemplate("hub-rbac.yaml", SYSTEM));
  await Promise.all([project("vextir-hub-tls"), project("vextir-hub-bus")]);
  await writeFile(file("token"), await world.api.token({ namespace: SYSTEM, name: "vextir-hub" }));
  cluster = {
    url: world.api.url,
    tokenFile: file("token"),
    caFile: join(world.api.dir, "apiserver.crt"),
  };
  const configuration = readHubConfiguration({
    VEXTIR_HUB_LISTEN: "127.0.0.1:0",
    VEXTIR_HEALTH_PORT: "0",
    VEXTIR_HUB_PATH: file("documents"),
    VEXTIR_HUB_TLS_DIR: folder,
    VEXTIR_BUS_URL: world.busUrl,
    VEXTIR_BUS_CA_FILE: world.caFile,
    VEXTIR_HUB_BUS_CREDS_FILE: file("hub.creds"),
    KUBERNETES_SERVICE_HOST: "10.0.0.1",
  });
  expect(configuration.tokens).toMatchObject({ cluster: { url: "https://10.0.0.1:443" } });
  const log = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  hub = await startHub({ ...configuration, tokens: { cluster } }, log);
});
afterAll(async () => {
  await hub?.stop();
  await world?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** The runtime of a driver whose code believes that it may do everything: what it may, the hub decides. */
async function runtimeOf(driver: string) {
  const { token, pod } = await world.pod(namespace, driver, "vextir-hub");
  const tokenFile = file(`token-${driver}`);
  await writeFile(tokenFile, token);
  const capabilities = Capabilities.parse({ context: notes(...ALL) });
  const address = { url: `https://localhost:${hub.port}`, tokenFile, caFile: file("ca.crt") };
  const context = new ContextAccess({ file: { name: driver, capabilities }, address }).on({});
  return { context, token, pod };
}

async function accepted(driver: string, context: object[]): Promise<void> {
  await world.apply(namespace, driver, { class: "IO", module: "gateway", capabilities: { context } });
  await world.waitFor(namespace, driver, "Accepted", "True");
}

test("a document that one driver writes is found by another with the grant, and refused to one without", async () => {
  await Promise.all([accepted("keeper", notes("write")), accepted("finder", notes("search"))]);
  await accepted("stranger", []);
  const [keeper, finder, stranger] = await Promise.all(["keeper", "finder", "stranger"].map(runtimeOf));
  const { id } = (await eventually(async () => keeper?.context.create(note), "it is granted")) ?? {};
  const found = await eventually(async () => finder?.context.search("shed key"), "it is granted");
  expect(found.map(({ document }) => document.id)).toEqual([id]);
  for (const attempt of [keeper?.context.search("shed"), finder?.context.create(note)])
    await expect(attempt).rejects.toMatchObject({ code: "NotGranted" });
  for (const attempt of [stranger?.context.search("shed"), stranger?.context.list()])
    await expect(attempt).rejects.toMatchObject({ code: "NotGranted" });
  expect(lines.some((line) => line.includes('"audit":"refused"') && line.includes("stranger"))).toBe(true);
  for (const { token } of [keeper, finder, stranger].filter((one) => one !== undefined))
    expect(lines.join()).not.toContain(token);
});

test("what is taken out of the Driver is refused from then on", async () => {
  const { context } = await runtimeOf("finder");
  await context.search("shed");
  await accepted("finder", []);
  const refused = await eventually(
    () =>
      context.search("shed").then(
        () => undefined,
        (error) => error,
      ),
    "a refusal",
  );
  expect(refused.code).toBe("NotGranted");
});

test("it is ready, and says that it knows what is granted", async () => {
  const ask = async (path: string) => (await fetch(`http://127.0.0.1:${hub.healthPort}/${path}`)).text();
  expect(await ask("readyz")).toBe("ok\n");
  expect(await ask("metrics")).toContain("vextir_hub_policy_known 1");
});

test("a token counts as long as the cluster takes it, and is asked about again", async () => {
  const api = new ClusterApi(cluster);
  let nowMs = 0;
  const tokens = await ClusterTokens.open(api, () => nowMs);
  const { token, pod } = await runtimeOf("keeper");
  const other = await world.token(namespace, "keeper");
  expect(await Promise.all([token, token, other].map((one) => tokens.isGood(one)))).toEqual([
    true,
    true,
    false,
  ]);
  await world.api.request("DELETE", `${collection("v1", "pods", namespace)}/${pod}?gracePeriodSeconds=0`);
  expect(await tokens.isGood(token)).toBe(true);
  await eventually(async () => {
    nowMs += 60_000;
    return !(await tokens.isGood(token));
  }, "its pod is gone");
  api.close();
});

test("while the API server is away, tokens that were good a moment ago are; others can't be known", async () => {
  const api = new ClusterApi(cluster);
  let nowMs = 0;
  const tokens = await ClusterTokens.open(api, () => nowMs);
  const { token } = await runtimeOf("keeper");
  expect(await tokens.isGood(token)).toBe(true);
  world.api.freeze();
  try {
    expect(await tokens.isGood(token)).toBe(true);
    nowMs = 60_000;
    await expect(tokens.isGood(token)).rejects.toThrow();
  } finally {
    world.api.thaw();
  }
  await eventually(() => tokens.isGood(token), "an answer");
  api.close();
});
