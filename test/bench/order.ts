/**
 * What order costs: the candidates against each other and against no order at all, three pods, in turns on one nats-server. The
 * pods are connections of this process, so the numbers are ratios and not rates of a driver.
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { NAMESPACE, startBus, type TestBus } from "../fixtures/nats.ts";
import { CANDIDATES, type Candidate, consumerConfigs, type Delivered, Pod } from "./order-candidates.ts";
import { processorMs, residentMiB } from "./process-cost.ts";
import { median, type Row } from "./statistics.ts";

const PODS = 3;
const ROUNDS = 3;
const PARTITIONS = 64;
const EVENTS = 50 * PARTITIONS;
const HANDLER_MS = 5;
const FAILING = 7;
const BACKOFF_MS = 3_000;
const SUBSCRIPTIONS = 20;
const ROUND_MS = 60_000;
const PAYLOAD = "x".repeat(200);

interface Bench {
  bus: TestBus;
  jetstream: JetStreamManager;
  connection: NatsConnection;
}

interface Measured {
  /** Of this process and nats-server, for a thousand events with a handler that does nothing. */
  cpuMs: number;
  /** With a handler of `HANDLER_MS`. */
  perSecond: number;
  /** Share of the other partitions' events that are not done when a failing event is tried again. */
  heldUp: number;
  /** Longest silence of a partition after a pod was killed. */
  killedMs: number;
  /** nats-server's, for one subscription. */
  memoryMiB: number;
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Stores the events, runs three pods until `done` and takes the time from their start. */
async function run(
  { bus, jetstream, connection }: Bench,
  candidate: Candidate,
  given: {
    handle: (delivered: Delivered) => Promise<number> | number;
    began?: (pods: readonly NatsConnection[]) => void;
    done: Promise<unknown>;
  },
): Promise<number> {
  for (let i = 0; i < EVENTS; i += 500)
    await Promise.all(
      Array.from({ length: Math.min(500, EVENTS - i) }, (_, j) =>
        connection.request(`evt.bench.${(i + j) % PARTITIONS}.bench.event`, PAYLOAD, { timeout: 20_000 }),
      ),
    );
  const configs = consumerConfigs(candidate);
  await Promise.all(configs.map((config) => jetstream.consumers.add("EVENTS", config)));
  const connections = await Promise.all(
    Array.from({ length: PODS }, async () => (await bus.admin()).connection),
  );
  const began = performance.now();
  const pods = connections.map((each) => new Pod(each, candidate, async (event) => given.handle(event)));
  given.began?.(connections);
  await Promise.race([given.done, pause(ROUND_MS)]);
  const tookMs = performance.now() - began;
  for (const pod of pods) pod.stop();
  await Promise.all(connections.map((each) => each.close()));
  await Promise.all(configs.map(({ name = "" }) => jetstream.consumers.delete("EVENTS", name)));
  await jetstream.streams.purge("EVENTS");
  return tookMs;
}

/** Counts events, each once; `all` resolves at the last. */
function counter(target = EVENTS) {
  const seen = new Set<number>();
  const { promise, resolve } = Promise.withResolvers<void>();
  const count = (sequence: number) => {
    if (seen.add(sequence).size >= target) resolve();
  };
  return { seen, count, all: promise };
}

async function cpu(bench: Bench, candidate: Candidate): Promise<number> {
  const { count, all } = counter();
  const spent = () => processorMs(bench.bus.server.pid) + processorMs(process.pid);
  let before = 0;
  await run(bench, candidate, {
    handle: ({ sequence }) => {
      count(sequence);
      return 0;
    },
    began: () => {
      before = spent();
    },
    done: all,
  });
  return ((spent() - before) / EVENTS) * 1_000;
}

async function rate(bench: Bench, candidate: Candidate): Promise<number> {
  const { count, all, seen } = counter();
  const handle = async ({ sequence }: Delivered) => {
    await pause(HANDLER_MS);
    count(sequence);
    return 0;
  };
  const tookMs = await run(bench, candidate, { handle, done: all });
  return seen.size / (tookMs / 1e3);
}

/** The first event of one partition fails once. */
async function heldUp(bench: Bench, candidate: Candidate): Promise<number> {
  const others = counter();
  const again = Promise.withResolvers<void>();
  const handle = ({ partition, sequence, attempt }: Delivered) => {
    if (partition !== FAILING) others.count(sequence);
    else if (attempt === 1) return BACKOFF_MS;
    else again.resolve();
    return 0;
  };
  await run(bench, candidate, { handle, done: again.promise });
  return 1 - others.seen.size / (EVENTS * (1 - 1 / PARTITIONS));
}

async function killed(bench: Bench, candidate: Candidate): Promise<number> {
  const { count, all } = counter();
  const last = new Map<number, number>();
  let longest = 0;
  let victim: NatsConnection | undefined;
  let calls = 0;
  const handle = async ({ partition, sequence }: Delivered) => {
    if (++calls === EVENTS / 2) void victim?.close();
    const now = performance.now();
    if (calls > EVENTS / 2) longest = Math.max(longest, now - (last.get(partition) ?? now));
    last.set(partition, now);
    await pause(HANDLER_MS);
    count(sequence);
    return 0;
  };
  await run(bench, candidate, {
    handle,
    began: (pods) => {
      victim = pods[0];
    },
    done: all,
  });
  return longest;
}

async function memory({ bus, jetstream }: Bench, candidate: Candidate): Promise<number> {
  const now = () => residentMiB(bus.server.pid);
  const before = now();
  const all = Array.from({ length: SUBSCRIPTIONS }, (_, i) => consumerConfigs(candidate, `m${i}`));
  for (const configs of all) for (const config of configs) await jetstream.consumers.add("EVENTS", config);
  const grown = now() - before;
  for (const configs of all)
    for (const { name = "" } of configs) await jetstream.consumers.delete("EVENTS", name);
  return grown / SUBSCRIPTIONS;
}

async function measure(bench: Bench, candidate: Candidate): Promise<Measured> {
  return {
    cpuMs: await cpu(bench, candidate),
    perSecond: await rate(bench, candidate),
    heldUp: await heldUp(bench, candidate),
    killedMs: await killed(bench, candidate),
    memoryMiB: await memory(bench, candidate),
  };
}

export async function orderRows(): Promise<Row[]> {
  const bus = await startBus();
  try {
    await bus.tenant(NAMESPACE, { events: { maxBytes: "1Gi" } });
    const bench: Bench = { bus, ...(await bus.admin()) };
    const rounds = new Map<string, Measured[]>();
    for (let i = 0; i < ROUNDS; i++)
      for (const candidate of CANDIDATES) {
        const measured = await measure(bench, candidate);
        rounds.set(candidate.name, [...(rounds.get(candidate.name) ?? []), measured]);
        process.stderr.write(`${candidate.name} ${JSON.stringify(measured)}\n`);
      }
    await bench.connection.close();
    return rowsOf(rounds);
  } finally {
    await bus.stop();
  }
}

function rowsOf(rounds: ReadonlyMap<string, readonly Measured[]>): Row[] {
  const of = (name: string, key: keyof Measured) =>
    median((rounds.get(name) ?? []).map((measured) => measured[key]));
  const yardstick = CANDIDATES[0]?.name ?? "";
  const row = (name: string, what: string, key: keyof Measured, unit: (value: number) => string): Row => ({
    what: `${name}: ${what}`,
    baseline: unit(of(yardstick, key)),
    measured: unit(of(name, key)),
    compared: `${(of(name, key) / of(yardstick, key)).toFixed(2)} x`,
    aim: "",
  });
  return CANDIDATES.slice(1).flatMap(({ name }) => [
    row(name, "processor time of 1,000 events", "cpuMs", (ms) => `${ms.toFixed(0)} ms`),
    row(name, `events a second, handler of ${HANDLER_MS} ms`, "perSecond", (n) => `${n.toFixed(0)}/s`),
    row(name, "other partitions held up by a failing one", "heldUp", (n) => `${(n * 100).toFixed(1)} %`),
    row(name, "longest silence after a kill", "killedMs", (ms) => `${ms.toFixed(0)} ms`),
    row(name, "nats-server's memory of a subscription", "memoryMiB", (n) => `${n.toFixed(2)} MiB`),
  ]);
}
