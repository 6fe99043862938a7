/**
 * The whole operator with many Drivers over 10 namespaces, whose pods a small process marks ready: edits with 100 and with all of them,
 * how fast new ones converge, and what it takes at rest. VEXTIR_BENCH_DRIVERS: how many (5,000). VEXTIR_BENCH_IDLE_S: how long it is
 * watched at rest (600).
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { type KubeObject, PAUSED_ANNOTATION } from "@vextir/api";
import { forEachBounded } from "@vextir/operator/bounded.ts";
import type { Kind } from "@vextir/operator/cluster.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { type KubeApi, KubeCluster, openKubeApi } from "@vextir/operator/kube/index.ts";
import { World } from "../integration/operator/world.ts";
import {
  editAndWait,
  FLOOR,
  type Names,
  OPERATOR,
  operatorWrites,
  type Program,
  quiet,
  whileRunning,
  writePrograms,
} from "./operator-process.ts";
import { processorMs, residentMiB } from "./process-cost.ts";
import { quantile, type Row } from "./statistics.ts";

const DRIVERS = Number(process.env["VEXTIR_BENCH_DRIVERS"] ?? 5_000);
const IDLE_S = Number(process.env["VEXTIR_BENCH_IDLE_S"] ?? 600);
const FEW = 100;
const NAMESPACES = 10;
const EDITS = 200;
/** A bare client makes the objects of so many Drivers. */
const BARE = Math.min(1_000, DRIVERS);
/** Requests in flight: of whoever makes Drivers, and of the operator's controller and the bare client. */
const WRITERS = 20;
const AT_A_TIME = 8;
const REST_MS = 15_000;
const CONVERGED_MS = 1_800_000;

type Key = { namespace: string; name: string };

interface Bench {
  world: World;
  dir: string;
  api: KubeApi;
  namespaces: readonly string[];
  paused: Names;
}

export async function scaleRows(): Promise<Row[]> {
  const world = await World.start({ operator: false });
  const dir = await mkdtemp(join(tmpdir(), "vextir-bench-"));
  const { api } = await openKubeApi({ kubeconfig: world.api.kubeconfig, maxSockets: 64 });
  const kubelet = await playKubelet(world);
  try {
    await writePrograms(world.api, dir);
    const namespaces: string[] = [];
    for (let n = 0; n < NAMESPACES; n++) namespaces.push(await world.api.namespace());
    const paused = namesIn(namespaces, "floor", 0, FEW);
    await forEachBounded(paused, WRITERS, (key) => makeDriver(api, key, { [PAUSED_ANNOTATION]: "true" }));
    return await measure({ world, dir, api, namespaces, paused });
  } finally {
    kubelet.kill("SIGKILL");
    api.close();
    await world.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

const tell = (what: string) => process.stderr.write(`  ${what}\n`);

async function measure(bench: Bench): Promise<Row[]> {
  const { world, dir } = bench;
  const few = namesIn(bench.namespaces, "driver", 0, FEW);
  const rest = namesIn(bench.namespaces, "driver", FEW, DRIVERS);
  await whileRunning(world, dir, OPERATOR, async () => {
    await world.startNats();
    await converge(bench, few);
    await quiet(world.api);
  });
  const edits = [await editsOf(bench, few)];
  const grown = await whileRunning(world, dir, OPERATOR, async (child) => {
    await editAndWait(world.api, few, 1, OPERATOR.warmUpMs);
    await quiet(world.api);
    const from = new Date();
    const converged = await converge(bench, rest);
    tell(`${rest.length} new Drivers: ${converged.toFixed(1)}/s`);
    await quiet(world.api);
    const writes = await operatorWrites(world.api, from);
    const statuses = writes.filter(({ resource }) => resource === "drivers/status").length / rest.length;
    const idle = await atRest(bench, child);
    tell(`at rest: ${JSON.stringify(idle)}`);
    return { converged, statuses, idle };
  });
  const all = [...few, ...rest];
  edits.push(await editsOf(bench, all));
  return rows({ ...grown, edits, bare: await bareClient(bench, few[0] as Key), drivers: all.length });
}

const namesIn = (namespaces: readonly string[], prefix: string, from: number, to: number): Key[] =>
  Array.from({ length: to - from }, (_, i) => ({
    namespace: namespaces[i % NAMESPACES] ?? "",
    name: `${prefix}-${from + i}`,
  }));

async function playKubelet(world: World): Promise<ChildProcess> {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "played-kubelet.ts"), world.api.kubeconfig],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  await once(child.stdout as Readable, "data");
  return child;
}

/** Makes the Drivers and waits until each is Ready. @returns Drivers per second, from the first one's making. */
async function converge({ world, api }: Bench, names: Names): Promise<number> {
  const ready = await readyDrivers(world, names);
  const began = performance.now();
  await forEachBounded(names, WRITERS, (key) => makeDriver(api, key));
  await Promise.race([
    ready.all,
    delay(CONVERGED_MS, undefined, { ref: false }).then(() => tooLate(ready.left())),
  ]);
  const seconds = (performance.now() - began) / 1_000;
  await ready.close();
  return names.length / seconds;
}

function tooLate(left: number): never {
  throw new Error(`${left} Drivers are not ready after ${CONVERGED_MS} ms`);
}

async function readyDrivers({ api }: World, names: Names) {
  const left = new Set(names.map(({ namespace, name }) => `${namespace}/${name}`));
  const { api: own } = await openKubeApi({ kubeconfig: api.kubeconfig });
  const watcher = new KubeCluster({ api: own, log: { debug() {}, warn() {}, error: console.error } });
  const { promise: all, resolve } = Promise.withResolvers<void>();
  await watcher.watch(KINDS.Driver, ({ metadata, status }) => {
    const ready = status?.conditions?.find(({ type }) => type === "Ready");
    if (ready?.status !== "True" || !left.delete(`${metadata.namespace}/${metadata.name}`)) return;
    if (left.size === 0) resolve();
  });
  return { all, left: () => left.size, close: () => watcher.close() };
}

/** An agent as the quickstart has it, with one pod. */
async function makeDriver(api: KubeApi, key: Key, annotations: Record<string, string> = {}): Promise<void> {
  const { apiVersion, kind } = KINDS.Driver;
  const spec = {
    class: "Agent",
    module: "assistant",
    config: { tone: "kind" },
    subscriptions: [{ types: ["chat.message.received"] }],
    capabilities: { publish: ["chat.message.sent"], call: ["toolbox.*"] },
  };
  await api.create(KINDS.Driver, { apiVersion, kind, metadata: { ...key, annotations }, spec });
}

interface Edits {
  drivers: number;
  floor: readonly number[];
  operator: readonly number[];
}

/** The floor has Drivers of its own, which the operator leaves alone: neither undoes what the other wrote. */
async function editsOf(bench: Bench, names: Names): Promise<Edits> {
  const floor = await edited(bench, FLOOR, bench.paused);
  const operator = await edited(bench, OPERATOR, names);
  tell(
    `edits of ${names.length}: floor p99 ${quantile(floor, 0.99).toFixed(1)} ms, operator ${quantile(operator, 0.99).toFixed(1)} ms`,
  );
  return { drivers: names.length, floor, operator };
}

async function edited({ world, dir }: Bench, program: Program, names: Names): Promise<number[]> {
  return whileRunning(world, dir, program, async () => {
    await editAndWait(world.api, names, 1, Math.max(30_000, program.warmUpMs));
    if (program === OPERATOR) await quiet(world.api);
    return editAndWait(world.api, names, EDITS);
  });
}

interface Idle {
  mib: number;
  share: number;
  writes: number;
}

async function atRest({ world }: Bench, operator: ChildProcess): Promise<Idle> {
  await delay(REST_MS);
  const [from, before] = [new Date(), processorMs(operator.pid)];
  await delay(IDLE_S * 1_000);
  const share = (processorMs(operator.pid) - before) / (IDLE_S * 1_000);
  const mib = residentMiB(operator.pid);
  return { mib, share, writes: (await operatorWrites(world.api, from)).length };
}

/** Kinds of what the operator makes of a Driver, in its order. */
const MADE: readonly Kind[] = [
  KINDS.ServiceAccount,
  KINDS.NetworkPolicy,
  KINDS.ConfigMap,
  KINDS.Deployment,
  KINDS.ControllerRevision,
];

/** The same objects for new Drivers, as a client writes them that knows beforehand what they are. @returns Drivers per second. */
async function bareClient({ api, namespaces }: Bench, like: Key): Promise<number> {
  const made: { kind: Kind; object: KubeObject }[] = [];
  for (const kind of MADE)
    for await (const { items } of api.pages(kind, {
      namespace: like.namespace,
      labels: { "vextir.io/driver": like.name },
    }))
      made.push(...items.map((object) => ({ kind, object })));
  const status = (await api.get(KINDS.Driver, like))?.status;
  const names = namesIn(namespaces, "bare", 0, BARE);
  const began = performance.now();
  await forEachBounded(names, WRITERS, (key) => makeDriver(api, key));
  await forEachBounded(names, AT_A_TIME, async (key) => {
    const { apiVersion, kind } = KINDS.Driver;
    for (const one of made) await api.apply(one.kind, renamed(one.object, like, key));
    await api.apply(KINDS.Driver, { apiVersion, kind, metadata: key, status }, "status");
  });
  return BARE / ((performance.now() - began) / 1_000);
}

function renamed({ metadata, ...rest }: KubeObject, like: Key, key: Key): KubeObject {
  const { name, labels, annotations } = metadata;
  const { status: _status, ...kept } = rest as { status?: unknown } & typeof rest;
  const object = { ...kept, metadata: { name, namespace: key.namespace, labels, annotations } };
  return JSON.parse(JSON.stringify(object).replaceAll(like.name, key.name));
}

interface Found {
  edits: readonly Edits[];
  converged: number;
  statuses: number;
  idle: Idle;
  bare: number;
  drivers: number;
}

function rows({ edits, converged, statuses, idle, bare, drivers }: Found): Row[] {
  const row = (what: string, baseline: string, measured: string, compared: string, aim: string): Row => ({
    ...{ what, baseline, measured, compared, aim },
  });
  const ofEdits = edits.flatMap(({ drivers, floor, operator }) =>
    [0.5, 0.99].map((q) => {
      const [base, own] = [quantile(floor, q), quantile(operator, q)];
      const what = `edit -> Deployment patched with ${drivers} Drivers, p${q * 100}`;
      return row(
        what,
        `${base.toFixed(1)} ms`,
        `${own.toFixed(1)} ms`,
        `${(own / base).toFixed(2)} x`,
        "<= 1.5 x",
      );
    }),
  );
  const [few, many] = edits.map(({ operator }) => operator);
  const flat = [0.5, 0.99].map((q) => {
    const [less, more] = [quantile(few ?? [], q), quantile(many ?? [], q)];
    const what = `the same, ${drivers} Drivers against ${FEW}, p${q * 100}`;
    return row(
      what,
      `${less.toFixed(1)} ms`,
      `${more.toFixed(1)} ms`,
      `${(more / less).toFixed(2)} x`,
      "<= 1.3 x",
    );
  });
  const most = 90 + (20 * drivers) / 1_024;
  return [
    ...ofEdits,
    ...flat,
    row(
      "new Drivers until Ready",
      `${bare.toFixed(0)}/s`,
      `${converged.toFixed(0)}/s`,
      `${((100 * converged) / bare).toFixed(0)} %`,
      ">= 80 %",
    ),
    row("status writes for each new Driver", "", statuses.toFixed(2), "", ""),
    row(
      `memory at rest with ${drivers} Drivers`,
      "",
      `${idle.mib.toFixed(0)} MiB`,
      "",
      `<= ${most.toFixed(0)} MiB`,
    ),
    row(`writes at rest in ${IDLE_S} s, but the Lease`, "", String(idle.writes), "", "0"),
    row("CPU at rest", "", `${(100 * idle.share).toFixed(1)} % of a core`, "", "<= 2 %"),
  ];
}
