import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { LocalCluster } from "@vextir/cli/local/cluster.ts";
import { ObjectStore } from "@vextir/cli/local/store/object-store.ts";
import { readHubConfiguration } from "@vextir/context-hub/configuration.ts";
import { startHubPolicyFeed } from "@vextir/operator/hub/policy-feed.ts";
import { exportJWK } from "jose";
import { HubClient } from "../../conformance/context-hub/client.ts";
import { metadataOf } from "../../conformance/context-hub/target.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { freePort } from "../../fixtures/free-port.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";
import { acceptDriver } from "./accepted-driver.ts";
import { ISSUER, Tokens } from "./world.ts";

const MAIN = join(import.meta.dirname, "../../../dist/hub/main.js");
const LOG = { info: () => {}, warn: () => {} };
const store = new ObjectStore();
let bus: TestBus;
let feed: { stop(): Promise<void> };
let tokens: Tokens;
let folder: string;
let seed: string;
let environment: Record<string, string>;
let hub: ChildProcess | undefined;
let output = "";

beforeAll(async () => {
  [bus, tokens, folder] = await Promise.all([
    startBus(),
    Tokens.create(),
    mkdtemp(join(tmpdir(), "vextir-hub-")),
  ]);
  const cluster = new LocalCluster(store, () => {});
  feed = await startHubPolicyFeed({ servers: bus.urls, realm: bus.realm, cluster, log: LOG });
  const credentials = bus.realm.hubCredentials();
  [seed = ""] = /SU[A-Z0-9]{56}/.exec(credentials) ?? [];
  await writeFile(join(folder, "hub.creds"), credentials);
  const jwk = { ...(await exportJWK(tokens.keys.publicKey)), alg: "ES256" };
  await writeFile(join(folder, "keys.json"), JSON.stringify({ keys: [jwk] }));
  environment = {
    VEXTIR_HUB_LISTEN: `127.0.0.1:${await freePort()}`,
    VEXTIR_HEALTH_PORT: String(await freePort()),
    VEXTIR_HUB_PATH: join(folder, "data"),
    VEXTIR_BUS_URL: bus.url,
    VEXTIR_HUB_BUS_CREDS_FILE: join(folder, "hub.creds"),
    VEXTIR_HUB_TOKEN_ISSUER: ISSUER,
    VEXTIR_HUB_TOKEN_KEYS: join(folder, "keys.json"),
  };
});
afterAll(async () => {
  hub?.kill("SIGKILL");
  await feed?.stop();
  await bus?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function run(): Promise<void> {
  const child = spawn(process.execPath, [MAIN], { env: { PATH: process.env["PATH"], ...environment } });
  child.stdout.on("data", (data) => (output += data));
  child.stderr.on("data", (data) => (output += data));
  hub = child;
  await eventually(async () => {
    if (child.exitCode !== null) throw new Error(output);
    const { ok } = await fetch(`http://127.0.0.1:${environment["VEXTIR_HEALTH_PORT"]}/readyz`);
    return ok;
  });
}

test("the bundle serves what the leader grants, keeps it over a restart, and ends when told to", async () => {
  await run();
  const uid = acceptDriver(store, {
    ...{ namespace: "team", name: "notes" },
    context: [{ collection: "notes", verbs: ["read", "write", "search"], users: "All" }],
  });
  const token = await tokens.pod("team", "notes", { uid });
  const as = metadataOf(token);
  let client = new HubClient(environment["VEXTIR_HUB_LISTEN"] ?? "");
  const note = { document: { collection: "notes", user: "u", title: "kept", content: "over a restart" } };
  const { written } = await eventually(() => client.unary("createDocument", as, note));
  client.close();
  const ended = once(hub as ChildProcess, "exit");
  hub?.kill("SIGTERM");
  await expect(ended).resolves.toEqual([0, null]);

  await run();
  client = new HubClient(environment["VEXTIR_HUB_LISTEN"] ?? "");
  await expect(
    eventually(() => client.unary("getDocument", as, { id: written?.id ?? "" })),
  ).resolves.toMatchObject({
    document: { title: "kept", revision: 1n },
  });
  const { results } = await client.unary("search", as, { query: "restrat" });
  expect(results.map(({ document }) => document?.title)).toEqual(["kept"]);
  client.close();
  const metrics = await (await fetch(`http://127.0.0.1:${environment["VEXTIR_HEALTH_PORT"]}/metrics`)).text();
  expect(metrics).toContain('vextir_hub_calls_total{method="GetDocument",code="OK"}');
  expect(output).not.toBe("");
  expect(output).not.toContain(token);
  expect(seed).not.toBe("");
  expect(output).not.toContain(seed);
});

test.each([
  { reason: "no database", change: { VEXTIR_HUB_PATH: "" }, want: "VEXTIR_HUB_PATH" },
  { reason: "two", change: { VEXTIR_HUB_DATABASE_URL: "postgres://u@h/d" }, want: "exactly one" },
  {
    reason: "no TLS on all addresses",
    change: { VEXTIR_HUB_LISTEN: "0.0.0.0:1" },
    want: "VEXTIR_HUB_TLS_DIR",
  },
])("a configuration with $reason is refused", ({ change, want }) => {
  expect(() => readHubConfiguration({ ...environment, ...change })).toThrow(want);
});
