import { afterEach, expect, test } from "@jest/globals";
import { jetstreamManager } from "@nats-io/jetstream";
import { Handlings, streams } from "@vextir/api";
import { pino } from "pino";
import { defineDriver, RetryableError, TerminalError } from "../index.ts";
import { createMetrics } from "../observability/metrics.ts";
import { runtimeMetrics } from "../observability/runtime-metrics.ts";
import { type TestKit, testKit } from "../testing/index.ts";
import { HandlingReports } from "./handling-reports.ts";

let kit: TestKit | undefined;
afterEach(async () => {
  await kit?.stop();
  kit = undefined;
});

async function stored(): Promise<{ subject: string; handlings: Handlings["handlings"] }> {
  const manager = await jetstreamManager((kit as TestKit).connection);
  const { state } = await manager.streams.info(streams.handlings, { subjects_filter: ">" });
  const found: Handlings["handlings"] = [];
  for (let seq = Math.max(1, state.first_seq); seq <= state.last_seq; seq++) {
    const message = await manager.streams.getMessage(streams.handlings, { seq });
    if (message) found.push(...Handlings.parse(message.json()).handlings);
  }
  return { subject: Object.keys(state.subjects ?? {}).join(), handlings: found };
}

test("each attempt is told with its outcome; what was not handled is not", async () => {
  let fails = 1;
  kit = await testKit(
    defineDriver({
      name: "worker",
      version: "1.0.0",
      class: "Agent",
      on: {
        good: () => {},
        flaky: () => {
          if (fails-- > 0) throw new RetryableError("not yet", { retryAfterMs: 1 });
        },
        bad: () => {
          throw new TerminalError("never");
        },
      },
    }),
    { subscriptions: [{ types: [">"] }] },
  );
  await kit.publish("good", {});
  await kit.publish("flaky", {});
  await kit.publish("bad", {});
  await kit.publish("nobody", {});
  await kit.deadLetters();
  const told = async () => (await stored()).handlings;
  while ((await told()).length < 4) await new Promise((resolve) => setTimeout(resolve, 20));
  const { subject, handlings } = await stored();
  expect(subject).toBe("run.worker.0.vextir.handlings");
  const brief = handlings.map(({ type, attempt, outcome, error, reason, publisher, subscription }) => ({
    ...{ type, attempt, outcome, publisher, subscription },
    ...(error && { error }),
    ...(reason && { reason }),
  }));
  const common = { publisher: "test-kit", subscription: "default" };
  expect(brief).toHaveLength(4);
  expect(brief).toEqual(
    expect.arrayContaining([
      { ...common, type: "good", attempt: 1, outcome: "Succeeded" },
      { ...common, type: "flaky", attempt: 1, outcome: "Retried", error: "not yet" },
      { ...common, type: "flaky", attempt: 2, outcome: "Succeeded" },
      { ...common, type: "bad", attempt: 1, outcome: "DeadLettered", error: "never", reason: "Terminal" },
    ]),
  );
});

test("what waits is told when the driver stops", async () => {
  kit = await testKit(
    defineDriver({ name: "worker", version: "1.0.0", class: "Agent", on: { good: () => {} } }),
  );
  await kit.publish("good", {});
  while (!/outcome="Succeeded"\} 1/.test(await kit.metrics()))
    await new Promise((resolve) => setTimeout(resolve, 5));
  await kit.running.stop();
  expect((await stored()).handlings).toHaveLength(1);
});

test("a bus that takes nothing costs a bounded memory, and what is dropped is counted", async () => {
  const metrics = createMetrics();
  const reports = new HandlingReports({
    ...{ driver: "d", namespace: "n", maxBytes: 1_048_576, log: pino({ level: "silent" }) },
    store: { put: () => new Promise(() => {}) },
    metrics: runtimeMetrics(metrics),
  });
  const event = { id: "1", source: "/", type: "a", publisher: "p", sequence: 1 } as never;
  const handled = { event, subscription: "default", attempt: 1, beganMs: 0, tookMs: 1 };
  for (let i = 0; i < 10_000; i++) reports.add({ ...handled, outcome: "Succeeded" });
  // One batch is under way.
  expect(await metrics.registry.getSingleMetricAsString("vextir_driver_handlings_dropped_total")).toMatch(
    / 1552$/m,
  );
});
