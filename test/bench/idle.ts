/**
 * A driver's pod: process start -> ready, and -> the first event handled, which waited for it, with V8's compile cache as in the image and
 * without; memory at rest. Against a Node that does nothing.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { headers } from "@nats-io/transport-node";
import { DriverProcess } from "../fixtures/driver-process.ts";
import { startBus, type TestBus } from "../fixtures/nats.ts";
import { residentMiB } from "./process-cost.ts";
import { median, type Row } from "./statistics.ts";

const STARTS = 7;
const SETTLE_MS = 3_000;

const IDLE = `import { defineDriver } from "@vextir/driver-runtime";
export default defineDriver({
  name: "idle", version: "1.0.0", class: "Tool", capabilities: { publish: ["idle.done"] },
  on: { "idle.event": async (_event, ctx) => void (await ctx.publish("idle.done", {})) },
});
`;

interface Start {
  readyMs: number;
  handledMs: number;
  mib: number;
}

async function bareNode(): Promise<{ startMs: number; mib: number }> {
  const began = performance.now();
  const child = spawn(process.execPath, ["-e", "process.stdout.write('.'); setTimeout(() => {}, 60_000)"]);
  await once(child.stdout, "data");
  const startMs = performance.now() - began;
  const mib = residentMiB(child.pid);
  child.kill();
  await once(child, "exit");
  return { startMs, mib };
}

async function startOnce(bus: TestBus, compileCache: string | undefined, settleMs: number): Promise<Start> {
  const subscriptions = [{ types: ["idle.event"] }];
  const granted = { subscriptions, capabilities: { publish: ["idle.done"] } };
  await bus.driver("idle", granted);
  const { connection } = await bus.admin();
  const { promise: handled, resolve } = Promise.withResolvers<void>();
  connection.subscribe("evt.idle.*.idle.done", { callback: () => resolve() });
  const envelope = headers();
  const attributes = { specversion: "1.0", id: randomUUID(), source: "/bench", type: "idle.event" };
  for (const [name, value] of Object.entries(attributes)) envelope.set(`ce-${name}`, value);
  await connection.request("evt.bench.0.idle.event", "{}", { headers: envelope, timeout: 5_000 });
  // The process has one of its own otherwise, where it may write.
  const env: Record<string, string> =
    compileCache === undefined ? { NODE_DISABLE_COMPILE_CACHE: "1" } : { NODE_COMPILE_CACHE: compileCache };
  const driver = await DriverProcess.start(bus, { name: "idle", source: IDLE, env, ...granted });
  const began = performance.now();
  const first = handled.then(() => performance.now() - began);
  await driver.ready();
  const readyMs = performance.now() - began;
  const handledMs = await first;
  await delay(settleMs);
  const mib = residentMiB(driver.child.pid);
  await driver.stop();
  await connection.close();
  return { readyMs, handledMs, mib };
}

export async function idleRows(): Promise<Row[]> {
  const bus = await startBus();
  const reports = bus.acceptReports();
  const cache = await mkdtemp(join(tmpdir(), "vextir-compile-cache-"));
  try {
    const bare: Awaited<ReturnType<typeof bareNode>>[] = [];
    const [cold, warm]: [Start[], Start[]] = [[], []];
    // Fills the cache, as the image's build does.
    await startOnce(bus, cache, 0);
    for (let i = 0; i < STARTS; i++) {
      bare.push(await bareNode());
      cold.push(await startOnce(bus, undefined, i < 3 ? SETTLE_MS : 0));
      warm.push(await startOnce(bus, cache, 0));
    }
    const node = median(bare.map(({ startMs }) => startMs));
    const row = (what: string, ms: number, aim = ""): Row => ({
      what: `driver: process start -> ${what}`,
      baseline: `${node.toFixed(0)} ms (node -e)`,
      measured: `${ms.toFixed(0)} ms`,
      compared: `${(ms / node).toFixed(1)} x`,
      aim,
    });
    const rest = median(cold.slice(0, 3).map(({ mib }) => mib));
    const nodeMiB = median(bare.map(({ mib }) => mib));
    return [
      row("ready", median(warm.map(({ readyMs }) => readyMs)), "<= 300 ms"),
      row("first event handled", median(warm.map(({ handledMs }) => handledMs))),
      row("ready, without a compile cache", median(cold.map(({ readyMs }) => readyMs))),
      row("first event handled, without", median(cold.map(({ handledMs }) => handledMs))),
      {
        what: "driver: memory at rest",
        baseline: `${nodeMiB.toFixed(0)} MiB (node -e)`,
        measured: `${rest.toFixed(0)} MiB`,
        compared: `${(rest / nodeMiB).toFixed(1)} x`,
        aim: "<= 75 MiB",
      },
    ];
  } finally {
    await reports.stop();
    await bus.stop();
    await rm(cache, { recursive: true, force: true });
  }
}
