import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { headers } from "@nats-io/transport-node";
import { DEAD_LETTER_HEADERS } from "@vextir/api";
import { ExhaustedWatch } from "@vextir/operator/exhausted/exhausted-watch.ts";
import { systemTiming } from "@vextir/operator/timing.ts";
import { pino } from "pino";
import { Registry } from "prom-client";
import { DriverProcess } from "../../fixtures/driver-process.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { NAMESPACE, startBus, type TestBus } from "../../fixtures/nats.ts";

let bus: TestBus;
let admin: Awaited<ReturnType<TestBus["admin"]>>;
let reports: { stop(): unknown };
beforeAll(async () => {
  bus = await startBus();
  admin = await bus.admin();
  reports = bus.acceptReports();
  await bus.driver("gateway", { capabilities: { publish: [">"] } });
});
afterAll(async () => {
  await admin.connection.close();
  await reports.stop();
  await bus.stop();
});

async function publish(type: string, data: string): Promise<number> {
  const set = headers();
  const attributes = { specversion: "1.0", id: data, source: "/test", type, userid: "ann" };
  for (const [name, value] of Object.entries(attributes)) set.set(`ce-${name}`, value);
  const subject = `evt.gateway.7.${type}`;
  const answer = await admin.connection.request(subject, JSON.stringify(data), {
    headers: set,
    timeout: 5_000,
  });
  return answer.json<{ seq: number }>().seq;
}

const letterOf = async (driver: string) => {
  const found = await admin.jetstream.streams
    .getMessage("DEADLETTERS", { last_by_subj: `dlq.${driver}.>` })
    .catch(() => null);
  if (!found) return undefined;
  const get = (name: keyof typeof DEAD_LETTER_HEADERS) => found.header.get(DEAD_LETTER_HEADERS[name]);
  return {
    ...{
      subject: found.subject,
      data: found.json(),
      id: found.header.get("ce-id"),
      user: found.header.get("ce-userid"),
    },
    ...{ reason: get("reason"), attempts: get("attempts"), subscription: get("subscription") },
    ...{ of: get("subject"), sequence: get("sequence") },
  };
};

/** Starts the driver's process anew whenever it died, as a kubelet does, until `enough`. @returns how often it died. */
async function keepAlive(
  input: Parameters<typeof DriverProcess.start>[1],
  enough: () => Promise<unknown>,
): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    const pod = await DriverProcess.start(bus, input);
    const died = once(pod.child, "exit");
    let hasDied = false;
    const done = eventually(async () => hasDied || (await enough()));
    const ended = await Promise.race([done.then(() => true), died.then(() => false)]);
    hasDied = true;
    await done;
    await pod.stop("SIGKILL");
    if (ended) return deaths;
    if (await enough()) return deaths + 1;
    if (deaths > 20) throw new Error("it dies and dies");
  }
}

const driver = (name: string, code: string, handler: string) => `
import { defineDriver } from "@vextir/driver-runtime";
${code}
export default defineDriver({ name: "${name}", version: "1.0.0", class: "Agent", on: { "${name}.*": ${handler} } });`;

const delivery = { ackWait: "300ms", maxDeliver: 1 };

test("an event whose handler ends the process is a dead letter of its driver, when it was delivered often enough", async () => {
  const source = driver(
    "deadly",
    "",
    `(event) => { if (event.data === "poison") process.kill(process.pid, "SIGKILL"); }`,
  );
  const input = { name: "deadly", source, subscriptions: [{ types: ["deadly.*"], delivery }] };
  // Before the event comes, which else is none for it.
  await bus.driver("deadly", input);
  const poisoned = await publish("deadly.a", "poison");
  const deaths = await keepAlive(input, () => letterOf("deadly"));
  // Once, and five times more, since a process that was stopped leaves its deliveries like one that died.
  expect(deaths).toBeLessThanOrEqual(6);
  const letter = await letterOf("deadly");
  // Counted by the bus: more where a process that starts slowly lets its time run out.
  expect(Number(letter?.attempts)).toBeGreaterThanOrEqual(7);
  expect({ ...letter, attempts: "" }).toEqual({
    ...{ subject: "dlq.deadly.deadly.a", data: "poison", id: "poison", user: "ann" },
    ...{ reason: "AttemptsExhausted", attempts: "", subscription: "default" },
    ...{ of: "evt.gateway.7.deadly.a", sequence: String(poisoned) },
  });
});

test("one that ends the process whatever the runtime does is one too, also when no operator was there to see it", async () => {
  // As of data that takes more memory than the pod has.
  const code = `const parse = JSON.parse;
JSON.parse = (...given) => { if (String(given[0]).includes("poison")) process.kill(process.pid, "SIGKILL"); return parse(...given); };`;
  const source = driver("fragile", code, "() => {}");
  const input = { name: "fragile", source, subscriptions: [{ types: ["fragile.*"], delivery }] };
  await bus.driver("fragile", input);
  await bus.driver("careless", {
    subscriptions: [{ types: ["fragile.*"], delivery: { ...delivery, deadLetter: false } }],
  });
  const poisoned = await publish("fragile.a", "poison");
  // Nobody hears the server, which goes on all the same.
  const advisories = async () => (await admin.jetstream.streams.info("ADVISORIES")).state.messages;
  const consumer = () => admin.jetstream.consumers.info("EVENTS", "fragile_default");
  const deaths = await keepAlive(input, async () => {
    const { num_ack_pending: inHand, num_pending: waiting } = await consumer();
    return (await advisories()) === 1 && inHand + waiting === 0;
  });
  expect(deaths).toBeLessThanOrEqual(11);
  expect(await letterOf("fragile")).toBeUndefined();

  // The next leader, which has seen none of it.
  await bus.authority.stop();
  bus.authority = bus.newAuthority();
  await bus.tenant();
  const metrics = new Registry();
  const log = pino({ level: "silent" });
  const watch = new ExhaustedWatch({ bus: bus.authority, timing: systemTiming, metrics, log, everyMs: 50 });
  watch.start();
  await eventually(() => letterOf("fragile"));
  expect(await letterOf("fragile")).toEqual({
    ...{ subject: "dlq.fragile.fragile.a", data: "poison", id: "poison", user: "ann" },
    ...{ reason: "MaxDeliveries", attempts: "11", subscription: "default" },
    ...{ of: "evt.gateway.7.fragile.a", sequence: String(poisoned) },
  });
  await eventually(async () => (await advisories()) === 0);
  expect(await metrics.metrics()).toContain(
    `vextir_exhausted_events_total{namespace="${NAMESPACE}",outcome="DeadLettered"} 1`,
  );
  // It is settled: the consumer holds nothing of it.
  expect(await consumer()).toMatchObject({ num_ack_pending: 0, num_redelivered: 0 });
  await watch.stop();
});

test("a leader that died between the letter and its note leaves one letter, and advisories of nobody's are let go", async () => {
  await bus.driver("halting", { subscriptions: [{ types: ["halting.*"], delivery }] });
  const sequence = await publish("halting.a", "x");
  const advise = (change: object = {}) =>
    admin.connection.request(
      "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.halting_default",
      JSON.stringify({
        ...{
          type: "io.nats.jetstream.advisory.v1.max_deliver",
          id: "a",
          timestamp: new Date().toISOString(),
        },
        ...{ stream: "EVENTS", consumer: "halting_default", stream_seq: sequence, deliveries: 11, ...change },
      }),
      { timeout: 5_000 },
    );
  const letters = async () => {
    const { state } = await admin.jetstream.streams.info("DEADLETTERS", { subjects_filter: "dlq.halting.>" });
    return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0);
  };
  await advise();
  // Delivered to a leader that died with it.
  const read = await admin.jetstream.jetstream().consumers.get("ADVISORIES", "operator");
  const message = await read.next({ expires: 5_000 });
  expect(await bus.authority.buryExhausted(NAMESPACE)).toEqual([]);
  await advise({ id: "b" });
  expect(await bus.authority.buryExhausted(NAMESPACE)).toMatchObject([{ outcome: "DeadLettered" }]);
  message?.nak();
  await eventually(async () => (await bus.authority.buryExhausted(NAMESPACE)).length === 1);
  expect(await letters()).toBe(1);

  await advise({ id: "c", stream_seq: 999_999 });
  await advise({ id: "d", consumer: "nobody_default" });
  await advise({ id: "e", consumer: "a_b_c" });
  await admin.connection.request("$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.EVENTS.halting_default", "{");
  const raw = await admin.connection.request("evt.gateway.7.halting.b", "no event", { timeout: 5_000 });
  await advise({ id: "f", stream_seq: raw.json<{ seq: number }>().seq });
  const outcomes = (await bus.authority.buryExhausted(NAMESPACE)).map(({ outcome }) => outcome);
  expect(outcomes).toEqual(["Gone", "Dropped"]);
  expect(await letters()).toBe(1);
  await eventually(async () => (await admin.jetstream.streams.info("ADVISORIES")).state.messages === 0);
});
