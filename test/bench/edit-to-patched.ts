/**
 * An edit of a Driver until its Deployment is patched, with 1,000 Drivers over 10 namespaces: a thin floor, the operator's
 * client and work queue alone, and the whole operator with a real nats-server.
 */
import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { KINDS } from "../../operator/kinds.ts";
import type { ApiServer } from "../fixtures/kube.ts";
import { World } from "../integration/operator/world.ts";
import {
  CONTROLLER,
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
import { median, quantile, type Row } from "./statistics.ts";

const NAMESPACES = 10;
const DRIVERS = 1_000;
const ROUNDS = 3;
const EDITS = 100;
const SETTLE_MS = 3_000;
/** V8 gives back what a burst of work took about ten seconds after it. */
const REST_MS = 15_000;
const STEADY_MS = 20_000;
interface Measured {
  latencies: number[];
  mib: number;
  cpuMs: number;
}

export async function editRows(): Promise<Row[]> {
  const world = await World.start({ operator: false });
  const dir = await mkdtemp(join(tmpdir(), "vextir-bench-"));
  try {
    const names = await makeDrivers(world.api);
    await writePrograms(world.api, dir);
    const measured = new Map<Program, Measured[]>([FLOOR, CONTROLLER].map((program) => [program, []]));
    await round(world, dir, CONTROLLER, names, 1);
    for (let i = 0; i < ROUNDS; i++) {
      for (const [program, rounds] of measured) rounds.push(await round(world, dir, program, names, EDITS));
    }
    const operator = await operatorRound(world, dir, names);
    const [floor, controller] = [...measured.values()].map(merged) as [Measured, Measured];
    return rows(floor, controller, operator);
  } finally {
    await world.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function makeDrivers(server: ApiServer): Promise<Names> {
  const names: { namespace: string; name: string }[] = [];
  for (let n = 0; n < NAMESPACES; n++) {
    const namespace = await server.namespace();
    for (let i = 0; i < DRIVERS / NAMESPACES; i++) names.push({ namespace, name: `driver-${i}` });
  }
  for (let i = 0; i < names.length; i += 20) {
    await Promise.all(names.slice(i, i + 20).map((key) => makeDriver(server, key)));
  }
  return names;
}

async function makeDriver(server: ApiServer, { namespace, name }: { namespace: string; name: string }) {
  const { apiVersion, kind } = KINDS.Driver;
  const spec = {
    class: "Agent",
    module: "assistant",
    replicas: 2,
    config: { tone: "kind" },
    subscriptions: [{ types: ["chat.message.received"] }],
    capabilities: { publish: ["chat.message.sent"], call: ["toolbox.*"] },
  };
  const path = `/apis/${apiVersion}/namespaces/${namespace}/drivers`;
  const { status, body } = await server.request("POST", path, { apiVersion, kind, metadata: { name }, spec });
  if (status !== 201) throw new Error(JSON.stringify(body));
}

const round = (world: World, dir: string, program: Program, names: Names, edits: number) =>
  whileRunning(world, dir, program, (child) => measure(world.api, child, program, names, edits));

/** The operator is measured after a restart: it finds everything as wanted. */
async function operatorRound(
  world: World,
  dir: string,
  names: Names,
): Promise<Measured & { writes: number }> {
  for (const namespace of new Set(names.map((key) => key.namespace))) {
    await world.api.request("DELETE", `/apis/apps/v1/namespaces/${namespace}/deployments`);
  }
  await whileRunning(world, dir, OPERATOR, async () => {
    await world.startNats();
    await editAndWait(world.api, names, 1, OPERATOR.warmUpMs);
    await quiet(world.api);
  });
  return whileRunning(world, dir, OPERATOR, async (child) => {
    const measured = await measure(world.api, child, OPERATOR, names, ROUNDS * EDITS);
    await quiet(world.api);
    const from = new Date();
    await delay(STEADY_MS);
    return { ...measured, writes: (await operatorWrites(world.api, from)).length };
  });
}

async function measure(
  server: ApiServer,
  child: ChildProcess,
  program: Program,
  names: Names,
  edits: number,
): Promise<Measured> {
  await editAndWait(server, names, 1, program.warmUpMs);
  await delay(SETTLE_MS);
  const before = processorMs(child.pid);
  const latencies = await editAndWait(server, names, edits);
  const cpu = processorMs(child.pid) - before;
  await delay(REST_MS);
  const mib = residentMiB(child.pid);
  return { latencies, mib, cpuMs: cpu / edits };
}

const merged = (rounds: readonly Measured[]): Measured => ({
  latencies: rounds.flatMap(({ latencies }) => latencies),
  mib: median(rounds.map(({ mib }) => mib)),
  cpuMs: median(rounds.map(({ cpuMs }) => cpuMs)),
});

function rows(floor: Measured, controller: Measured, operator: Measured & { writes: number }): Row[] {
  const latency = (what: string, measured: Measured, q: number, aim = ""): Row => {
    const [base, own] = [quantile(floor.latencies, q), quantile(measured.latencies, q)];
    return {
      what: `edit -> Deployment patched, p${q * 100}: ${what}`,
      baseline: `${base.toFixed(1)} ms`,
      measured: `${own.toFixed(1)} ms`,
      compared: `${(own / base).toFixed(2)} x`,
      aim,
    };
  };
  const cost = (what: string, measured: Measured, aim = ""): Row => ({
    what: `memory at rest, CPU per edit: ${what}`,
    baseline: `${floor.mib.toFixed(0)} MiB, ${floor.cpuMs.toFixed(1)} ms`,
    measured: `${measured.mib.toFixed(0)} MiB, ${measured.cpuMs.toFixed(1)} ms`,
    compared: `+${(measured.mib - floor.mib).toFixed(0)} MiB, ${(measured.cpuMs / floor.cpuMs).toFixed(1)} x`,
    aim,
  });
  return [
    latency("client and work queue", controller, 0.5, "<= 1.25 x"),
    latency("client and work queue", controller, 0.99),
    latency("the operator", operator, 0.5, "<= 1.25 x"),
    latency("the operator", operator, 0.99),
    cost(`client with ${DRIVERS} Drivers`, controller, "<= 110 MiB"),
    cost(`the operator with ${DRIVERS} Drivers`, operator, "<= 110 MiB"),
    {
      what: `writes of the steady operator in ${STEADY_MS / 1000} s, but the Lease`,
      baseline: "",
      measured: String(operator.writes),
      compared: "",
      aim: "0",
    },
  ];
}
