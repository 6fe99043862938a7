/**
 * Publish -> handler -> acknowledgement, 1 KiB, through the runtime (a driver's pod as the operator would start it, in an
 * account of its own) against the raw client in the bus account: in turns, on the same nats-server.
 */
import { once } from "node:events";
import { join } from "node:path";
import { DriverProcess } from "../fixtures/driver-process.ts";
import { NAMESPACE, startBus, type TestBus } from "../fixtures/nats.ts";
import { startRaw } from "./raw-client.ts";
import { median, type Round, type Row } from "./statistics.ts";

const ROUNDS = 3;
const ROUND_MS = 180_000;

function roundIn(output: NodeJS.ReadableStream): Promise<Round> {
  return new Promise((resolve, reject) => {
    let text = "";
    const late = setTimeout(() => reject(new Error(`no result within ${ROUND_MS} ms:\n${text}`)), ROUND_MS);
    output.on("data", (chunk) => {
      text = (text + chunk).slice(-8_192);
      const found = /ROUND (\{.*\})\n/.exec(text)?.[1];
      if (!found) return;
      clearTimeout(late);
      resolve(JSON.parse(found));
    });
    output.on("end", () => reject(new Error(`it ended without a result:\n${text}`)));
  });
}

async function runtimeRound(bus: TestBus): Promise<Round> {
  const driver = await DriverProcess.start(bus, {
    name: "bench",
    module: join(import.meta.dirname, "runtime-driver.ts"),
    capabilities: { publish: ["bench.>"] },
    subscriptions: [{ types: ["bench.event"] }],
  });
  try {
    return await roundIn(driver.child.stdout as NodeJS.ReadableStream);
  } catch (error) {
    throw new Error(`the runtime's round failed: ${(error as Error).message}\n${driver.output}`, {
      cause: error,
    });
  } finally {
    await driver.stop();
    await bus.removeDriver(await bus.driver("bench"));
  }
}

async function rawRound(bus: TestBus): Promise<Round> {
  const driver = await bus.driver("bench", {
    capabilities: { publish: ["bench.>"] },
    subscriptions: [{ types: ["bench.event"] }],
  });
  const child = await startRaw(bus, "runtime-raw.ts", { BENCH_CONSUMER: "bench_default" });
  const ended = once(child, "exit");
  const round = await roundIn(child.stdout);
  await ended;
  await bus.removeDriver(driver);
  return round;
}

export async function runtimeRows(): Promise<Row[]> {
  const bus = await startBus();
  try {
    await bus.tenant(NAMESPACE, { events: { maxBytes: "1Gi" } });
    const reports = bus.acceptReports();
    const raw: Round[] = [];
    const runtime: Round[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      raw.push(await rawRound(bus));
      runtime.push(await runtimeRound(bus));
    }
    await reports.stop();
    return rows(raw, runtime);
  } finally {
    await bus.stop();
  }
}

function rows(raw: readonly Round[], runtime: readonly Round[]): Row[] {
  const of = (rounds: readonly Round[], key: keyof Round) => median(rounds.map((round) => round[key]));
  const added = (key: "p50Ms" | "p99Ms") => `${(of(runtime, key) - of(raw, key)).toFixed(3)} ms added`;
  const ms = (value: number) => `${value.toFixed(3)} ms`;
  const rate = (value: number) => `${Math.round(value)}/s`;
  const share = (of(runtime, "perSecond") / of(raw, "perSecond")) * 100;
  return [
    {
      what: "publish -> handled, p50",
      baseline: ms(of(raw, "p50Ms")),
      measured: ms(of(runtime, "p50Ms")),
      compared: added("p50Ms"),
      aim: "<= 0.25 ms added",
    },
    {
      what: "publish -> handled, p99",
      baseline: ms(of(raw, "p99Ms")),
      measured: ms(of(runtime, "p99Ms")),
      compared: added("p99Ms"),
      aim: "",
    },
    {
      what: "publish, handle, acknowledge",
      baseline: rate(of(raw, "perSecond")),
      measured: rate(of(runtime, "perSecond")),
      compared: `${share.toFixed(0)} %`,
      aim: ">= 85 %",
    },
  ];
}
