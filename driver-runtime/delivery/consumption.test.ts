import { afterEach, describe, expect, test } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { headers } from "@nats-io/nats-core";
import { streams } from "@vextir/api";
import { z } from "zod";
import { eventually } from "../../test/fixtures/eventually.ts";
import { type Context, defineDriver, type Event, RetryableError, TerminalError } from "../index.ts";
import { type TestKit, type TestKitOptions, testKit } from "../testing/index.ts";

type Handle = (event: Event, context: Context) => unknown;

let kit: TestKit | undefined;
afterEach(async () => {
  await kit?.stop();
  kit = undefined;
});

/** A driver that handles `job.*` in the given way, with short retries. */
async function handling(
  handle: Handle,
  options: TestKitOptions & { schema?: z.ZodType; timeoutMs?: number } = {},
) {
  const { schema, timeoutMs, ...rest } = options;
  const source = defineDriver({
    name: "worker",
    version: "1.0.0",
    class: "Agent",
    capabilities: { publish: ["job.*"] },
    on: { "job.*": { ...(schema && { schema }), ...(timeoutMs && { timeoutMs }), handle } },
  });
  kit = await testKit(source, { delivery: { backoff: ["10ms"], maxDeliver: 3 }, ...rest });
  return kit;
}

async function consumerInfo(kit: TestKit) {
  return (await jetstreamManager(kit.connection)).consumers.info(streams.events, "worker_default");
}
const settled = (kit: TestKit, count: number) =>
  eventually(async () => {
    const info = await consumerInfo(kit).catch(() => undefined);
    return info?.num_ack_pending === 0 && info.num_pending === 0 && info.delivered.stream_seq >= count;
  }, `${count} events settled`);

describe("a handler's end decides what becomes of the event", () => {
  test("success acknowledges, with the parsed data", async () => {
    const seen: unknown[] = [];
    const schema = z.object({ n: z.coerce.number() });
    const kit = await handling((event) => void seen.push(event.data), { schema });
    await kit.publish("job.a", { n: "7" });
    await settled(kit, 1);
    expect(seen).toEqual([{ n: 7 }]);
  });

  test("a throw is tried again with the event's backoff, and counted", async () => {
    const attempts: number[] = [];
    const kit = await handling((_event, { attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error("not yet");
    });
    await kit.publish("job.a", 1);
    await settled(kit, 1);
    expect(attempts).toEqual([1, 2, 3]);
    expect(await kit.metrics()).toContain('outcome="Retried"} 2');
  });

  test("the last attempt's failure is a dead letter that says why, with the event's own envelope", async () => {
    const kit = await handling(() => {
      throw new Error("bröken: 100%\nalways");
    });
    await kit.publish("job.a", { n: 1 }, { subject: "s" });
    const [letter] = await kit.deadLetters();
    expect(letter).toMatchObject({
      type: "job.a",
      driver: "worker",
      reason: "AttemptsExhausted",
      error: "bröken: 100%\nalways",
      attempts: 3,
      subscription: "default",
      text: '{"n":1}',
    });
    expect(letter?.subject).toMatch(/^evt\.test-kit\.\d+\.job\.a$/);
    await settled(kit, 1);
  });

  test("TerminalError goes to the dead letters at once", async () => {
    const attempts: number[] = [];
    const kit = await handling((_event, { attempt }) => {
      attempts.push(attempt);
      throw new TerminalError("no use");
    });
    await kit.publish("job.a", 1);
    expect(await kit.deadLetters()).toMatchObject([{ reason: "Terminal", attempts: 1 }]);
    await settled(kit, 1);
    expect(attempts).toEqual([1]);
  });

  test("RetryableError says when", async () => {
    const times: number[] = [];
    const kit = await handling(
      (_event, { attempt }) => {
        times.push(performance.now());
        if (attempt === 1) throw new RetryableError("busy", { retryAfterMs: 300 });
      },
      { delivery: { backoff: ["1h"] } },
    );
    await kit.publish("job.a", 1);
    await settled(kit, 1);
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(290);
  });

  test("without dead letters the event is given up", async () => {
    const kit = await handling(
      () => {
        throw new TerminalError("no use");
      },
      { delivery: { deadLetter: false } },
    );
    await kit.publish("job.a", 1);
    await settled(kit, 1);
    expect(await kit.metrics()).toContain('outcome="GivenUp"} 1');
  });

  test("a handler that is too slow has failed, and is told", async () => {
    const reasons: string[] = [];
    const kit = await handling(
      (_event, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener("abort", () => reasons.push(String(signal.reason)));
          setTimeout(resolve, 60_000).unref();
        }),
      { timeoutMs: 100, delivery: { maxDeliver: 1, ackWait: "1s" } },
    );
    await kit.publish("job.a", 1);
    expect(await kit.deadLetters()).toMatchObject([{ reason: "AttemptsExhausted" }]);
    expect(reasons).toHaveLength(1);
  });

  test("a handler longer than ackWait is not delivered again meanwhile", async () => {
    let runs = 0;
    const kit = await handling(
      async () => {
        runs++;
        await new Promise((resolve) => setTimeout(resolve, 7_000));
      },
      { delivery: { ackWait: "3s" } },
    );
    await kit.publish("job.a", 1);
    await eventually(async () => (await consumerInfo(kit)).num_ack_pending === 1, "in hand");
    await settled(kit, 1);
    const info = await consumerInfo(kit);
    expect({ runs, redelivered: info.num_redelivered }).toEqual({ runs: 1, redelivered: 0 });
  });
});

describe("what is no event for this driver is dropped and counted", () => {
  const ce = (attributes: Record<string, string>) => {
    const set = headers();
    for (const [name, value] of Object.entries(attributes)) set.append(`ce-${name}`, value);
    return set;
  };
  const genuine = { specversion: "1.0", id: "1", source: "/x", type: "job.a" };
  const cases = [
    { reason: "NotACloudEvent", subject: "evt.x.1.job.a", attributes: {} },
    { reason: "NotACloudEvent", subject: "evt.x.1.job.a", attributes: { ...genuine, specversion: "0.3" } },
    { reason: "TypeMismatch", subject: "evt.x.1.job.a", attributes: { ...genuine, type: "job.b" } },
    { reason: "IncompleteEnvelope", subject: "evt.x.1.job.a", attributes: { ...genuine, id: "" } },
    { reason: "ForeignSubject", subject: "evt.x.abc.job.a", attributes: genuine },
  ];

  test("by its reason", async () => {
    let handled = 0;
    const kit = await handling(() => void handled++);
    for (const { subject, attributes } of cases)
      await kit.connection.request(subject, "1", { headers: ce(attributes), timeout: 2_000 });
    await settled(kit, cases.length);
    const metrics = await kit.metrics();
    expect(handled).toBe(0);
    expect(metrics).toContain('reason="NotACloudEvent"} 2');
    for (const reason of ["TypeMismatch", "IncompleteEnvelope", "ForeignSubject"])
      expect(metrics).toContain(`reason="${reason}"} 1`);
  });

  test("also what a consumer with too wide a filter brings", async () => {
    let handled = 0;
    const kit = await handling(() => void handled++, { subscriptions: [{ types: ["job.a"] }] });
    const manager = await jetstreamManager(kit.connection);
    await manager.consumers.update(streams.events, "worker_default", { filter_subjects: ["evt.>"] });
    await kit.publish("job.b", 1);
    await kit.publish("job.a", 1);
    await settled(kit, 2);
    expect(handled).toBe(1);
    expect(await kit.metrics()).toContain('reason="OutsideSubscription"} 1');
  });
});

test("data that is not what the schema or the content type says is a dead letter at once", async () => {
  const kit = await handling(() => {}, { schema: z.object({ n: z.number() }) });
  await kit.publish("job.a", { n: "x" });
  await kit.publish("job.b", "{", { dataContentType: "text/plain" });
  const subject = "evt.x.1.job.c";
  const set = headers();
  for (const [name, value] of Object.entries({ specversion: "1.0", id: "1", source: "/x", type: "job.c" }))
    set.append(`ce-${name}`, value);
  await kit.connection.request(subject, "{ no json", { headers: set, timeout: 2_000 });
  const letters = await kit.deadLetters({ count: 3 });
  expect(letters.map(({ reason, attempts }) => `${reason} ${attempts}`)).toEqual(
    Array(3).fill("InvalidData 1"),
  );
});

test("an event without a handler is acknowledged and counted; a filtered one too", async () => {
  const seen: string[] = [];
  const kit = await handling((event) => void seen.push(event.source), {
    subscriptions: [{ types: ["job.*", "other"], filters: [{ prefix: { source: "/yes" } }] }],
  });
  await kit.publish("other", 1, { source: "/yes" });
  await kit.publish("job.a", 1, { source: "/no" });
  await kit.publish("job.a", 1, { source: "/yes/1" });
  await settled(kit, 3);
  expect(seen).toEqual(["/yes/1"]);
  const metrics = await kit.metrics();
  expect(metrics).toContain('outcome="Unmatched"} 1');
  expect(metrics).toContain('outcome="Filtered"} 1');
});

test("of what passes the filters the bus delivers nothing else, as far as subjects can say it", async () => {
  const seen: string[] = [];
  const kit = await handling((event) => void seen.push(`${event.type} ${event.extensions["priority"]}`), {
    subscriptions: [
      {
        types: ["job.*"],
        filters: [{ exact: { type: "job.a" } }, { cesql: "priority > 5 OR EXISTS subject" }],
      },
    ],
  });
  await kit.publish("job.b", 1, { extensions: { priority: 9 } });
  await kit.publish("job.a", 1, { extensions: { priority: 3 } });
  await kit.publish("job.a", 1, { extensions: { priority: "high" } });
  await kit.publish("job.a", 1, { extensions: { priority: 9 } });
  await settled(kit, 4);
  expect(seen).toEqual(["job.a 9"]);
  const metrics = await kit.metrics();
  expect(metrics).toContain('outcome="Filtered"} 2');
  expect(metrics).toContain('outcome="Succeeded"} 1');
});

test("loops end: beyond 64 hops an event is a dead letter", async () => {
  let runs = 0;
  const kit = await handling(async (event, { publish }) => {
    runs++;
    await publish("job.loop", event.data);
  });
  await kit.publish("job.loop", 1);
  expect(await kit.deadLetters()).toMatchObject([{ reason: "TooManyHops" }]);
  expect(runs).toBe(65);
});

test("no more is in hand than maxAckPending, and all of it is worked off", async () => {
  let now = 0;
  let most = 0;
  const kit = await handling(
    async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
    },
    { delivery: { maxAckPending: 7 } },
  );
  await Promise.all(Array.from({ length: 100 }, (_, i) => kit.publish("job.a", i)));
  await settled(kit, 100);
  expect(most).toBe(7);
});

test("a slow handler holds back nobody else", async () => {
  const done: unknown[] = [];
  const release = Promise.withResolvers<void>();
  const kit = await handling(async (event) => {
    if (event.data === 0) await release.promise;
    done.push(event.data);
  });
  for (let i = 0; i < 50; i++) await kit.publish("job.a", i);
  await eventually(() => done.length === 49, "49 done");
  release.resolve();
  await settled(kit, 50);
});

describe("the consumer and the connection may go", () => {
  test("a deleted consumer makes the driver unready; made again, nothing is lost", async () => {
    const seen: unknown[] = [];
    const kit = await handling((event) => void seen.push(event.data));
    const manager = await jetstreamManager(kit.connection);
    const { config } = await consumerInfo(kit);
    await kit.publish("job.a", 1);
    await eventually(() => seen.length === 1, "the first");
    await manager.consumers.delete(streams.events, "worker_default");
    await eventually(() => kit.running.obstacles().length > 0, "unready");
    expect((await fetch(`${kit.healthUrl}/readyz`)).status).toBe(503);
    await kit.publish("job.a", 2);
    await manager.consumers.add(streams.events, {
      ...config,
      opt_start_seq: 2,
      deliver_policy: "by_start_sequence" as never,
    });
    await eventually(() => seen.includes(2), "the second");
    await eventually(() => kit.running.obstacles().length === 0, "ready");
  });

  test("a crash of the bus loses no event and no acknowledged work", async () => {
    const seen = new Map<unknown, number>();
    const kit = await handling(
      async (event, { publish }) => {
        seen.set(event.data, (seen.get(event.data) ?? 0) + 1);
        if (Number(event.data) < 1_000) await publish("job.b", Number(event.data) + 1_000);
      },
      { delivery: { ackWait: "1s", maxDeliver: 10 } },
    );
    const publishing = Array.from({ length: 100 }, (_, i) => kit.publish("job.a", i));
    await eventually(() => seen.size > 10, "under way");
    await kit.server.halt("SIGKILL");
    await eventually(() => kit.running.obstacles().length > 0, "unready");
    await kit.server.resume();
    await Promise.all(publishing);
    await eventually(() => seen.size === 200, "all handled");
    await settled(kit, 200);
  });
});

describe("told to stop", () => {
  test("finishes what is in hand, gives back the rest, dead-letters nothing", async () => {
    const began: unknown[] = [];
    const quick = Promise.withResolvers<void>();
    const kit = await handling(
      async (event) => {
        began.push(event.data);
        await (event.data === "quick" ? quick.promise : new Promise(() => {}));
      },
      { delivery: { maxDeliver: 1, backoff: [], ackWait: "60s" } },
    );
    await kit.publish("job.a", "quick");
    await kit.publish("job.a", "never");
    await eventually(() => began.length === 2, "both in hand");
    // On a busy machine a publish takes its time: what ends within the grace ends first.
    const stopped = kit.running.stop(2_000);
    quick.resolve();
    // Else the event may come before the server knows that nothing is wanted any more.
    await kit.driver.bus.connection.flush();
    await kit.publish("job.a", "later");
    await stopped;
    const info = await consumerInfo(kit);
    expect(began).toEqual(["quick", "never"]);
    expect({ acked: info.ack_floor.stream_seq, waiting: info.num_pending }).toEqual({ acked: 1, waiting: 1 });
    expect(
      (await (await jetstreamManager(kit.connection)).streams.info(streams.deadLetters)).state.messages,
    ).toBe(0);
    const next = await kit.replica();
    await eventually(() => began.length === 4, "the other replica takes over");
    expect(began.slice(2).sort()).toEqual(["later", "never"]);
    await next.stop(0);
  });
});
