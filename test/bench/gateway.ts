/** PutEvent through the gateway (its process as a pod has it, API key, schema and all) against `node:http` and a raw JetStream publish. */
import type { ChildProcess } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { DriverProcess } from "../fixtures/driver-process.ts";
import { eventually } from "../fixtures/eventually.ts";
import { NAMESPACE, type TestBus } from "../fixtures/nats.ts";
import { LedgerWorld } from "../integration/ledger/world.ts";
import { HttpLoad, quantiles } from "./http-load.ts";
import { PAYLOAD } from "./load.ts";
import { processorMs } from "./process-cost.ts";
import { startRaw } from "./raw-client.ts";
import { median, type Row } from "./statistics.ts";

const ROUNDS = 5;
const REQUESTS = 4_000;
const WARM_UP = 2_000;
const CONNECTIONS = 64;
/** For latency. */
const PER_SECOND = Number(process.env["VEXTIR_BENCH_PER_SECOND"] ?? 1_000);
const TIMED = 3 * PER_SECOND;
/** For the ledger. */
const BACKLOG = 10_000;
const KEY = `vxk_${"b".repeat(32)}`;
const UNBOUNDED = { perSecond: 1_000_000, burst: 1_000_000 };

interface Round {
  perSecond: number;
  /** Of the process alone, of a request: it tells the same on a busy machine. */
  processorMs: number;
  p50Ms: number;
  p99Ms: number;
}

const body = () =>
  JSON.stringify({
    specversion: "1.0",
    id: randomUUID(),
    source: "/bench",
    type: "bench.event",
    time: new Date().toISOString(),
    datacontenttype: "application/json",
    data: PAYLOAD,
  });

const loadOn = (url: string) =>
  new HttpLoad(url, { "content-type": "application/cloudevents+json", "x-api-key": KEY }, body);

async function round(load: HttpLoad, pid: number | undefined): Promise<Round> {
  const before = processorMs(pid);
  const perSecond = await load.throughput(REQUESTS, CONNECTIONS);
  const spent = (processorMs(pid) - before) / REQUESTS;
  return {
    perSecond,
    processorMs: spent,
    ...quantiles(await load.latencies(TIMED, PER_SECOND, CONNECTIONS)),
  };
}

async function startGateway(bus: TestBus): Promise<{ process: DriverProcess; url: string }> {
  const process_ = await DriverProcess.start(bus, {
    name: "gateway",
    class: "IO",
    module: "gateway",
    ports: ["http"],
    config: {
      auth: {
        apiKeys: [
          {
            name: "bench",
            sha256: createHash("sha256").update(KEY).digest("hex"),
            expires: "2100-01-01T00:00:00Z",
            user: "bench",
            grants: [{ publish: ["bench.>"] }],
          },
        ],
      },
      rateLimit: { address: UNBOUNDED, principal: UNBOUNDED },
    },
    capabilities: { publish: ["bench.>"], state: true },
    env: { NODE_OPTIONS: process.env["BENCH_GATEWAY_OPTIONS"] ?? "" },
  });
  await process_.ready();
  return { process: process_, url: `http://127.0.0.1:${process_.ports.get("http")}/api/events` };
}

async function startFloor(bus: TestBus): Promise<{ child: ChildProcess; url: string }> {
  const child = await startRaw(bus, "gateway-floor.ts");
  for await (const line of createInterface({ input: child.stdout })) {
    const port = /^LISTENING (\d+)$/.exec(line)?.[1];
    if (port) return { child, url: `http://127.0.0.1:${port}/api/events` };
  }
  throw new Error("the baseline ended");
}

export async function gatewayRows(): Promise<Row[]> {
  const world = await LedgerWorld.start();
  const { bus } = world;
  const started: (() => unknown)[] = [];
  try {
    await bus.tenant(NAMESPACE, { events: { maxBytes: "4Gi" } });
    const gateway = await startGateway(bus);
    started.push(() => gateway.process.stop());
    const floor = await startFloor(bus);
    started.push(() => floor.child.kill());
    const [through, past] = [loadOn(gateway.url), loadOn(floor.url)];
    for (const load of [past, through]) await load.throughput(WARM_UP, CONNECTIONS);
    const [baseline, measured]: [Round[], Round[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      baseline.push(await round(past, floor.child.pid));
      measured.push(await round(through, gateway.process.child.pid));
      process.stderr.write(`${JSON.stringify({ baseline: baseline.at(-1), measured: measured.at(-1) })}\n`);
    }
    return rows(baseline, measured, await ledgerRate(world, through));
  } finally {
    for (const stop of started) await stop();
    await world.stop();
  }
}

/** How fast the ledger records what the gateway took while it was away, and how fast the gateway took it. */
async function ledgerRate(world: LedgerWorld, load: HttpLoad) {
  const recorded = () => world.count("events where type = 'bench.event'");
  const admin = await world.bus.admin();
  await admin.jetstream.streams.purge("EVENTS");
  await admin.connection.close();
  // For its consumer and its tables; it is stopped while its backlog grows.
  await (await world.startLedger()).ready(60_000);
  await world.ledger?.stop();
  const gateway = await load.throughput(BACKLOG, CONNECTIONS);
  await (await world.startLedger()).ready(60_000);
  const [began, first] = [performance.now(), await recorded()];
  await eventually(async () => (await recorded()) >= BACKLOG, "all recorded", 300_000);
  return { gateway, ledger: (BACKLOG - first) / ((performance.now() - began) / 1e3) };
}

function rows(
  baseline: readonly Round[],
  measured: readonly Round[],
  recording: { gateway: number; ledger: number },
): Row[] {
  const of = (rounds: readonly Round[], key: keyof Round) => median(rounds.map((each) => each[key]));
  const pairs = <T>(of: (through: Round, past: Round) => T) =>
    measured.map((through, i) => of(through, baseline[i] as Round));
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const added = (key: "p50Ms" | "p99Ms") =>
    `${median(pairs((through, past) => through[key] - past[key])).toFixed(2)} ms added`;
  const latency = (key: "p50Ms" | "p99Ms", aim: string): Row => ({
    what: `PutEvent at ${PER_SECOND}/s, ${key.slice(0, 3)}`,
    baseline: ms(of(baseline, key)),
    measured: ms(of(measured, key)),
    compared: added(key),
    aim,
  });
  const share = median(pairs((through, past) => through.perSecond / past.perSecond));
  return [
    {
      what: `PutEvent, ${CONNECTIONS} connections`,
      baseline: `${Math.round(of(baseline, "perSecond"))}/s`,
      measured: `${Math.round(of(measured, "perSecond"))}/s`,
      compared: `${(100 * share).toFixed(0)} %`,
      aim: ">= 85 %",
    },
    {
      what: "processor time of its process, an event",
      baseline: ms(of(baseline, "processorMs")),
      measured: ms(of(measured, "processorMs")),
      compared: `${median(pairs((through, past) => through.processorMs - past.processorMs)).toFixed(2)} ms added`,
      aim: "",
    },
    latency("p50Ms", ""),
    latency("p99Ms", "<= 2 ms added"),
    {
      what: "the ledger records what the gateway took",
      baseline: `${Math.round(recording.gateway)}/s taken`,
      measured: `${Math.round(recording.ledger)}/s recorded`,
      compared: `${((100 * recording.ledger) / recording.gateway).toFixed(0)} %`,
      aim: ">= 100 %",
    },
  ];
}
