import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import { readHubConfiguration } from "@vextir/context-hub/configuration.ts";
import { startHub } from "@vextir/context-hub/process.ts";
import ChatAgent from "@vextir/driver-chat-agent";
import ContextHubDriver from "@vextir/driver-context-hub";
import Gateway from "@vextir/driver-gateway";
import Ledger from "@vextir/driver-ledger";
import { defineDriver } from "@vextir/driver-runtime";
import { testKit } from "@vextir/driver-runtime/testing";
import ToolBridge from "@vextir/driver-tool-bridge";
import { pino } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { eventually } from "../fixtures/eventually.ts";
import { type MetricLine, metricsPage } from "../fixtures/metrics-page.ts";
import { EgressWorld } from "../integration/egress/world.ts";

type Shown = Pick<MetricLine, "name" | "type" | "labels" | "meaning">;

/** As a process's registry has them, by name. */
function shown(registry: Registry): Map<string, Shown> {
  // Its type leaves the labels out.
  const metrics = registry.getMetricsAsArray() as unknown as {
    name: string;
    type: string;
    help: string;
    labelNames: string[];
  }[];
  return new Map(
    metrics.map(({ name, type, help, labelNames }) => [
      name,
      { name, type, labels: [...labelNames], meaning: help },
    ]),
  );
}

const byName = (lines: Shown[]) => lines.toSorted((a, b) => a.name.localeCompare(b.name));
const without = (all: Map<string, Shown>, some: Map<string, Shown>) =>
  new Map([...all].filter(([name]) => !some.has(name)));

/** A driver in this process, as far as its metrics. */
async function ofDriver(...args: Parameters<typeof testKit>): Promise<Map<string, Shown>> {
  const kit = await testKit(...args);
  try {
    return shown(kit.driver.metrics.registry);
  } finally {
    await kit.stop();
  }
}

/** A hub in this process, as far as its metrics: nobody is there that it would ask. */
async function ofHub(): Promise<Map<string, Shown>> {
  const folder = await mkdtemp(join(tmpdir(), "vextir-metrics-"));
  const keys = join(folder, "keys.json");
  await writeFile(keys, '{"keys":[]}');
  const configuration = readHubConfiguration({
    VEXTIR_HUB_LISTEN: "127.0.0.1:0",
    VEXTIR_HEALTH_PORT: "0",
    VEXTIR_HUB_PATH: join(folder, "documents"),
    VEXTIR_BUS_URL: "nats://127.0.0.1:1",
    VEXTIR_HUB_BUS_CREDS_FILE: join(folder, "none"),
    VEXTIR_HUB_TOKEN_ISSUER: "nobody",
    VEXTIR_HUB_TOKEN_KEYS: keys,
  });
  const hub = await startHub(configuration, pino({ level: "silent" }));
  try {
    return shown(hub.metrics);
  } finally {
    await hub.stop();
    await rm(folder, { recursive: true });
  }
}

const idle = defineDriver({ name: "idle", version: "1.0.0", class: "Tool", on: { "a.b": () => {} } });

/** What each process exposes. */
async function exposed(): Promise<Record<string, Map<string, Shown>>> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const node = shown(registry);
  const runtime = await ofDriver(idle);
  const gateway = await ofDriver(Gateway, { config: { auth: { anonymous: { publish: [">"] } } } });
  const folder = await mkdtemp(join(tmpdir(), "vextir-metrics-"));
  const ledger = await ofDriver(Ledger, { config: { path: folder } });
  await rm(folder, { recursive: true });
  const summaries = [{ name: "profile", collections: ["notes"] }];
  const contextHub = await ofDriver(ContextHubDriver, { config: { summaries } });
  const context = [{ collection: "notes", verbs: ["search" as const] }];
  const chatAgent = await ofDriver(ChatAgent, { capabilities: { context } });
  // Nobody is there: it says so.
  const bridge = await ofDriver(ToolBridge, { config: { url: "http://127.0.0.1:1/mcp" } });
  const hub = await ofHub();
  const world = await EgressWorld.start();
  const egress = await world.proxy();
  try {
    await eventually(async () => world.world.operator?.apiPort, "the API for people");
    await eventually(
      () => world.world.operator?.metrics.getSingleMetric("vextir_exhausted_events_total"),
      "the leader's own",
    );
    const operator = shown(world.world.operator?.metrics ?? registry);
    return {
      "Every driver": runtime,
      "The gateway": without(gateway, runtime),
      "The ledger": without(ledger, runtime),
      "The chat agent": without(chatAgent, runtime),
      "The context hub's driver": without(contextHub, runtime),
      "The bridge to tool servers": without(bridge, runtime),
      "The operator": without(operator, node),
      "The egress proxy": without(shown(egress.metrics), node),
      "The context hub": without(hub, node),
      "Node, in operator, egress proxy and context hub": node,
    };
  } finally {
    await egress.stop();
    await world.stop();
  }
}

let page: MetricLine[];
let real: Awaited<ReturnType<typeof exposed>>;
beforeAll(async () => {
  page = await metricsPage();
  real = await exposed();
});

test("docs/metrics.md has a table for each process, and for nothing else", () => {
  expect([...new Set(page.map(({ process }) => process))].toSorted()).toEqual(Object.keys(real).toSorted());
});

test("every metric that a process exposes stands in its table, and every one of the table is exposed", () => {
  const said = (of: string) => page.filter((line) => line.process === of);
  for (const [of, metrics] of Object.entries(real)) {
    const table = said(of).map(({ name, type, labels, meaning }) => ({ name, type, labels, meaning }));
    expect({ of, table: byName(table) }).toEqual({ of, table: byName([...metrics.values()]) });
  }
});

describe("names are as Prometheus has them", () => {
  const ours = () => page.filter(({ process }) => !process.startsWith("Node"));
  const UNITS: Record<string, string> = { _seconds: "seconds", _bytes: "bytes" };

  test("they begin with who exposes them, and counters alone end in _total", () => {
    for (const { name, type } of ours()) {
      expect(name).toMatch(/^(vextir_|process_)/);
      expect([name, name.endsWith("_total")]).toEqual([name, type === "counter"]);
      expect(name).not.toMatch(/_(milliseconds|ms|minutes|count|sum|bucket)(_|$)/);
    }
  });

  test("a unit is the base unit, and stands at the end", () => {
    for (const { name, type, unit } of ours()) {
      const [, base] = Object.entries(UNITS).find(([end]) => name.replace(/_total$/, "").endsWith(end)) ?? [];
      expect([name, unit]).toEqual([name, base ?? unit]);
      if (type === "histogram") expect([name, base]).toEqual([name, "seconds"]);
    }
  });

  test("no two of one process are a family in OpenMetrics, where a counter's is without _total", () => {
    const families = ours().map(({ process, name }) => `${process}: ${name.replace(/_total$/, "")}`);
    expect(families).toEqual([...new Set(families)]);
  });

  test("no label is an id, a type of events, a user or an address: such have no bound", () => {
    const known = new Set(ours().flatMap(({ labels }) => labels));
    const bounded = "class code controller direction driver kind method model namespace outcome ready";
    const rest = "reason route side state status subscription what";
    expect([...known].toSorted()).toEqual([...bounded.split(" "), ...rest.split(" ")].toSorted());
  });
});
