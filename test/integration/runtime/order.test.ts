/**
 * What a subscription with `ordering: ByKey` promises: a key's events are handled in the order in which they were stored,
 * each to its end before the next one begins, whatever becomes of pods and handlers. `VEXTIR_ORDER_EVENTS` runs it bigger.
 */
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { jetstream } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { ORDERED_LANES, partitionOf } from "@vextir/api";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { startBus, type TestBus } from "../../fixtures/nats.ts";

const EVENTS = Number(process.env["VEXTIR_ORDER_EVENTS"] ?? 600);
const KEYS = 40;
const KILLS = Math.ceil(EVENTS / 200);
const MAX_DELIVER = 4;

let bus: TestBus;
let reports: ReturnType<TestBus["acceptReports"]>;
beforeAll(async () => {
  bus = await startBus();
  reports = bus.acceptReports();
});
afterAll(async () => {
  await reports.stop();
  await bus.stop();
});

/** Says what it begins and ends: the clock is the machine's, so several processes' words can be put in order. */
const SOURCE = `
import { defineDriver } from "@vextir/driver-runtime";
const say = (what, { key, n }, attempt) =>
  process.stdout.write("\\nSEEN " + JSON.stringify({ what, key, n, attempt, pid: process.pid, at: Number(process.hrtime.bigint()) }) + "\\n");
export default defineDriver({
  name: "steps",
  version: "1.0.0",
  class: "Agent",
  on: {
    "step.*": async ({ data }, { attempt }) => {
      say("began", data, attempt);
      await new Promise((resolve) => setTimeout(resolve, data.takesMs));
      say("ended", data, attempt);
      if (attempt <= data.failures) throw new Error("fails on purpose");
    },
  },
});`;

interface Seen {
  what: "began" | "ended";
  key: string;
  n: number;
  attempt: number;
  pid: number;
  at: number;
}

/** Pods of the driver, and what they say together. */
class Pods {
  readonly seen: Seen[] = [];
  readonly running: DriverProcess[] = [];

  async start(): Promise<void> {
    const pod = await DriverProcess.start(bus, {
      name: "steps",
      source: SOURCE,
      subscriptions: [
        {
          types: ["step.*"],
          ordering: "ByKey",
          delivery: { ackWait: "1s", maxDeliver: MAX_DELIVER, backoff: ["20ms", "50ms"] },
        },
      ],
    });
    this.running.push(pod);
    let rest = "";
    pod.child.stdout?.on("data", (chunk: Buffer) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.startsWith("SEEN ")) this.seen.push(JSON.parse(line.slice(5)));
    });
    await pod.ready();
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    await this.running.shift()?.stop(signal);
  }

  async stop(): Promise<void> {
    await Promise.all(this.running.splice(0).map((pod) => pod.stop("SIGKILL")));
  }
}

/** A few fail some times, one of fifty always. */
const failuresOf = (i: number) => (i % 50 === 7 ? 99 : i % 6 === 0 ? 1 + (i % 3) : 0);

interface Step {
  key: string;
  n: number;
  failures?: number;
  takesMs?: number;
}

async function publish(steps: readonly Step[]): Promise<void> {
  const { connection } = await bus.admin();
  const js = jetstream(connection);
  for (const { key, n, failures = 0, takesMs = 0 } of steps) {
    const head = headers();
    const attributes = {
      specversion: "1.0",
      id: `${key}/${n}`,
      source: "/test",
      type: "step.done",
      partitionkey: key,
    };
    for (const [name, value] of Object.entries(attributes)) head.set(`ce-${name}`, value);
    const data = JSON.stringify({ key, n, failures, takesMs });
    await js.publish(`evt.test.${partitionOf(key)}.step.done`, data, { headers: head });
  }
  await connection.close();
}

const ALL: readonly Step[] = Array.from({ length: EVENTS }, (_, i) => {
  const n = Math.floor(i / KEYS);
  return { key: `key-${(i * 7) % KEYS}`, n, failures: failuresOf(i), takesMs: n % 7 };
});

const byKey = (seen: readonly Seen[]) =>
  Map.groupBy(
    seen.toSorted((a, b) => a.at - b.at),
    ({ key }) => key,
  );

test("a key's events one after the other, over pods that come, go and die, and handlers that fail", async () => {
  const pods = new Pods();
  try {
    await pods.start();
    const publishing = publish(ALL);
    const done = () => new Set(pods.seen.map(({ key, n }) => `${key}/${n}`)).size;
    await eventually(() => done() > EVENTS / 20, "the first pod is at work");
    await Promise.all([pods.start(), pods.start()]);
    for (let i = 1; i <= KILLS; i++) {
      await eventually(() => done() > (EVENTS * i) / (KILLS + 2), `${i} part done`);
      await pods.end("SIGKILL");
      await pods.start();
    }
    await publishing;
    await pods.end("SIGTERM");
    await pods.end("SIGTERM");
    const { jetstream: manager, connection } = await bus.admin();
    await eventually(async () => {
      const left: number[] = [];
      for await (const { num_pending, num_ack_pending } of manager.consumers.list("EVENTS"))
        left.push(num_pending + num_ack_pending);
      return left.length > 1 && left.every((count) => count === 0);
    }, "everything settled by the last pod");
    const letters = (await manager.streams.info("DEADLETTERS")).state.messages;
    await connection.close();

    const keys = byKey(pods.seen);
    expect(keys.size).toBe(KEYS);
    for (const [key, seen] of keys) {
      const all = Array.from({ length: Math.ceil(EVENTS / KEYS) }, (_, n) => n);
      const began = seen.filter(({ what }) => what === "began").map(({ n }) => n);
      // In the order of the numbers, each as often as it was tried.
      expect({ key, began }).toEqual({ key, began: began.toSorted((a, b) => a - b) });
      expect({ key, all: [...new Set(began)] }).toEqual({ key, all });
      overlapsNot(key, seen);
    }
    expect(letters).toBeGreaterThanOrEqual(Math.floor(EVENTS / 50));
    expect(pods.seen.some(({ attempt }) => attempt > 1)).toBe(true);
  } finally {
    await pods.stop();
  }
});

test("a pod that stood still begins nothing that has become another's, and says nothing about what it had", async () => {
  const pods = new Pods();
  try {
    await pods.start();
    await pods.start();
    await publish([{ key: "slow", n: 0, takesMs: 500 }]);
    await eventually(() => pods.seen.length === 1, "one pod is at work");
    const stopped = pods.running.find(({ child }) => child.pid === pods.seen[0]?.pid);
    if (!stopped) throw new Error("a pod that was started is at work");
    stopped.child.kill("SIGSTOP");
    // It pulls from every lane, so some of these are sent to it first.
    const keys = Array.from({ length: 2 * ORDERED_LANES }, (_, i) => `still-${i}`);
    const round = (n: number) => [...keys.map((key) => ({ key, n })), ...(n > 0 ? [{ key: "slow", n }] : [])];
    await publish([...round(0), ...round(1)]);
    const ended = (n: number) =>
      new Set(pods.seen.filter((seen) => seen.what === "ended" && seen.n === n).map(({ key }) => key)).size;
    await eventually(() => ended(0) + ended(1) === 2 * (keys.length + 1), "all done by the other pod");
    stopped.child.kill("SIGCONT");
    await eventually(
      async () => /outcome="Returned"} ([2-9]|\d\d)/.test(await stopped.metrics()),
      "it let go",
    );
    await publish(round(2));
    await eventually(() => ended(2) === keys.length + 1, "both pods go on");
    for (const [key, seen] of byKey(pods.seen)) {
      const began = seen.filter(({ what }) => what === "began").map(({ n }) => n);
      expect({ key, began }).toEqual({ key, began: key === "slow" ? [0, 0, 1, 2] : [0, 1, 2] });
    }
  } finally {
    await pods.stop();
  }
});

/** An event begins when the one before it has ended, if its pod lived to say so. */
function overlapsNot(key: string, seen: readonly Seen[]): void {
  let last: Seen | undefined;
  for (const one of seen) {
    if (one.what === "ended") expect({ key, ended: one.n }).toEqual({ key, ended: last?.n });
    last = one;
  }
}
