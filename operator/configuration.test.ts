import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { readConfiguration } from "./configuration.ts";
import { releaseOf } from "./release-of.ts";
import { aManifest } from "./testing/objects.ts";

let folder: string;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "vextir-configuration-"));
  const file = join(folder, "manifests.json");
  await writeFile(file, JSON.stringify({ assistant: aManifest() }));
  env = { VEXTIR_DRIVER_IMAGE: "example.org/driver:1", VEXTIR_MANIFESTS_FILE: file };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test("what the chart says is read, the rest has defaults", async () => {
  const found = await readConfiguration({
    ...env,
    VEXTIR_NATS_REPLICAS: "3",
    VEXTIR_NATS_STORAGE: "2Gi",
    VEXTIR_NETWORK_POLICIES: "false",
    VEXTIR_DRIVER_IMAGE_PULL_SECRETS: "",
    VEXTIR_WATCH_NAMESPACES: "team-a,team-b,team-a",
  });
  expect(found).toMatchObject({
    healthPort: 9464,
    nats: { replicas: 3, storageBytes: 2 * 2 ** 30 },
    drivers: { image: "example.org/driver:1", pullSecrets: [], networkPolicies: false },
    bus: undefined,
    watchNamespaces: ["team-a", "team-b"],
  });
  expect([...found.drivers.manifests.keys()]).toEqual(["assistant"]);
});

const table = [
  { reason: "no image", change: { VEXTIR_DRIVER_IMAGE: undefined }, names: "VEXTIR_DRIVER_IMAGE" },
  { reason: "two servers", change: { VEXTIR_NATS_REPLICAS: "2" }, names: "VEXTIR_NATS_REPLICAS" },
  {
    reason: "a namespace that is none",
    change: { VEXTIR_WATCH_NAMESPACES: "a,*" },
    names: "VEXTIR_WATCH_NAMESPACES",
  },
  { reason: "no port", change: { VEXTIR_HEALTH_PORT: "http" }, names: "VEXTIR_HEALTH_PORT" },
  { reason: "no manifests", change: { VEXTIR_MANIFESTS_FILE: "/nowhere" }, names: "VEXTIR_MANIFESTS_FILE" },
];
test.each(table)("$reason: refused with the variable's name", async ({ change, names }) => {
  await expect(readConfiguration({ ...env, ...change })).rejects.toThrow(names);
});

test("drivers may reach DNS and the bus: the chart's pods, or a port of one's own NATS", async () => {
  const chart = await readConfiguration(env);
  const mine = await readConfiguration({
    ...env,
    VEXTIR_BUS_URL: "tls://a.example:4333,tls://b.example:4333",
  });
  const egress = (configuration: typeof chart) =>
    releaseOf(configuration, "vextir-system", {
      servers: configuration.bus?.servers ?? [],
      trust: undefined,
      ownTrust: { pem: "own" },
    }).network?.egress.find(({ name }) => name === "bus");
  expect(egress(chart)).toEqual({
    name: "bus",
    to: [
      {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "vextir-system" } },
        podSelector: { matchLabels: { "app.kubernetes.io/name": "vextir-nats" } },
      },
    ],
    ports: [{ port: 4222, protocol: "TCP" }],
  });
  expect(egress(mine)).toEqual({ name: "bus", to: [], ports: [{ port: 4333, protocol: "TCP" }] });
});

test("every driver may reach the chart's context hub, where there is one", async () => {
  const told = async (change: NodeJS.ProcessEnv) => {
    const ownTrust = { pem: "own" };
    const configuration = await readConfiguration({ ...env, ...change });
    return releaseOf(configuration, "vextir-system", { servers: [], trust: undefined, ownTrust });
  };
  const release = await told({ VEXTIR_HUB_URL: "https://vextir-hub.vextir-system.svc:8444" });
  expect(release.hub).toEqual({ url: "https://vextir-hub.vextir-system.svc:8444", ca: "own" });
  expect(release.network?.egress.find(({ name }) => name === "context-hub")).toEqual({
    name: "context-hub",
    to: [
      {
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "vextir-system" } },
        podSelector: { matchLabels: { "app.kubernetes.io/name": "vextir-hub" } },
      },
    ],
    ports: [{ port: 8444, protocol: "TCP" }],
  });
  expect((await told({})).hub).toBeUndefined();
});

test("traces: the operator's own variables are handed on without secrets, and only named peers are reached", async () => {
  const otel = {
    OTEL_EXPORTER_OTLP_ENDPOINT: "http://otel.example:4318",
    OTEL_TRACES_SAMPLER: "always_on",
    OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer secret",
    OTEL_SERVICE_NAME: "operator",
  };
  const peers = [{ podSelector: { matchLabels: { app: "otel" } } }];
  const told = async (change: NodeJS.ProcessEnv) => {
    const configuration = await readConfiguration({ ...env, ...change });
    const trust = { pem: "" };
    return releaseOf(configuration, "vextir-system", { servers: ["tls://bus:4222"], trust, ownTrust: trust });
  };
  const named = await told({ ...otel, VEXTIR_OTLP_PEERS: JSON.stringify(peers) });
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER } = otel;
  expect(named.telemetry).toEqual({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER });
  const ports = [{ port: 4318, protocol: "TCP" }];
  expect(named.network?.egress.at(-1)).toEqual({ name: "collector", to: peers, ports });
  for (const change of [otel, { VEXTIR_OTLP_PEERS: JSON.stringify(peers) }])
    expect((await told(change)).network?.egress.map(({ name }) => name)).toEqual(["dns", "bus"]);
});
