/** A live Driver's `ordering`, and how many lanes that means, is edited: its consumers are others then, and no event is lost. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type { JetStreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/transport-node";
import fc from "fast-check";
import { type DriverInput, startBus, type TestBus } from "../../fixtures/nats.ts";

type Given = NonNullable<DriverInput["subscriptions"]>[number];

let bus: TestBus;
let admin: { connection: NatsConnection; jetstream: JetStreamManager };
beforeAll(async () => {
  bus = await startBus();
  admin = await bus.admin();
});
afterAll(async () => {
  await admin.connection.close();
  await bus.stop();
});

const NONE: Given = { types: ["step"] };
const BY_KEY: Given = { types: ["step"], ordering: "ByKey" };
const THREE: Given = { ...BY_KEY, delivery: { maxAckPending: 3 } };
const MANY: Given = { ...BY_KEY, lanes: 64 };
const SERIAL: Given = { ...BY_KEY, delivery: { maxAckPending: 1 } };

let uid = "";
beforeEach(async () => {
  await admin.jetstream.streams.purge("EVENTS");
  if (uid) await bus.removeDriver({ namespace: "team", name: "sub", uid });
  ({ uid } = await bus.driver("sub", { subscriptions: [NONE] }));
});

const edit = (subscription: Given) => bus.driver("sub", { subscriptions: [subscription] });

async function consumers(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of admin.jetstream.consumers.list("EVENTS")) names.push(name);
  return names.sort();
}

async function publish(partition: number): Promise<number> {
  const ack = await admin.connection.request(`evt.other.${partition}.step`, "x", { timeout: 5_000 });
  return ack.json<{ seq: number }>().seq;
}

/** One event of the consumer; undefined when it has none to give now. */
async function take(consumer: string): Promise<Msg | undefined> {
  const { config, num_pending, num_ack_pending } = await admin.jetstream.consumers.info("EVENTS", consumer);
  if (num_pending === 0 || num_ack_pending >= (config.max_ack_pending ?? 0)) return undefined;
  const subject = `$JS.API.CONSUMER.MSG.NEXT.EVENTS.${consumer}`;
  return admin.connection.request(subject, JSON.stringify({ batch: 1 }), { timeout: 5_000, noMux: true });
}

const sequenceOf = (message: Msg) => Number(message.reply?.split(".")[5]);
async function ack(message: Msg): Promise<number> {
  await admin.connection.request(message.reply ?? "", "+ACK", { timeout: 5_000 });
  return sequenceOf(message);
}

/** Takes and acknowledges what there is. */
async function drain(): Promise<number[]> {
  const done: number[] = [];
  for (const consumer of await consumers())
    for (let message = await take(consumer); message; message = await take(consumer))
      done.push(await ack(message));
  return done;
}

test("what is done is not given again, what is not is, in order by lane", async () => {
  const sent: number[] = [];
  for (const partition of [1, 2, 1, 17, 1]) sent.push(await publish(partition));
  for (let i = 0; i < 2; i++) await ack((await take("sub_default")) as Msg);
  await edit(BY_KEY);
  expect(await consumers()).toEqual(Array.from({ length: 16 }, (_, i) => `sub_default_16-${i}`).sort());
  // One event of a lane at a time, the next one only after it.
  const third = (await take("sub_default_16-1")) as Msg;
  expect(sequenceOf(third)).toBe(sent[2]);
  expect(await take("sub_default_16-1")).toBeUndefined();
  await ack(third);
  expect(await drain()).toEqual(sent.slice(3));
});

describe("nothing is given again where everything was done", () => {
  test.each([
    { reason: "no order, then lanes", edits: [BY_KEY] },
    { reason: "lanes, then no order, although some lanes never had an event", edits: [BY_KEY, NONE] },
    { reason: "other lanes", edits: [BY_KEY, MANY, THREE, SERIAL] },
  ])("$reason", async ({ edits }) => {
    for (const subscription of edits) {
      for (const partition of [5, 6, 5]) await publish(partition);
      expect(await drain()).toHaveLength(3);
      await edit(subscription);
      expect(await drain()).toEqual([]);
    }
  });
});

test("a lane's event in hand is given again, what other lanes did before it is not", async () => {
  await edit(BY_KEY);
  const [, inHand] = [await publish(1), await publish(2), await publish(3)];
  await ack((await take("sub_default_16-1")) as Msg);
  await take("sub_default_16-2");
  await edit(NONE);
  const [first] = await drain();
  expect(first).toBe(inHand);
});

test("an edit that ended in the middle is made up for: what the old consumer had is not skipped", async () => {
  const sent = [await publish(1), await publish(2)];
  // The consumers that were made first are there; the operator was killed before the others, and before the old one was removed.
  await edit(BY_KEY);
  const { config } = await admin.jetstream.consumers.info("EVENTS", "sub_default_16-2");
  await admin.jetstream.consumers.delete("EVENTS", "sub_default_16-2");
  const old = { durable_name: "sub_default", filter_subject: "evt.*.*.step" };
  await admin.jetstream.consumers.add("EVENTS", {
    ...config,
    ...old,
    name: "sub_default",
    filter_subjects: [],
  });
  await bus.authority.stop();
  bus.authority = bus.newAuthority();
  await bus.tenant();
  await edit(BY_KEY);
  expect(await consumers()).toHaveLength(16);
  expect((await drain()).toSorted((a, b) => a - b)).toEqual(sent);
});

test("whatever is edited, in whatever state: every event is given until it is acknowledged", async () => {
  const step = fc.record({
    publish: fc.array(fc.nat({ max: 63 }), { maxLength: 4 }),
    /** Which consumer is pulled from, and whether what it gives is acknowledged. */
    pulls: fc.array(fc.tuple(fc.nat({ max: 15 }), fc.boolean()), { maxLength: 6 }),
    edit: fc.constantFrom(NONE, BY_KEY, THREE, MANY, SERIAL),
  });
  const sent = new Set<number>();
  const done = new Set<number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
      for (const { publish: partitions, pulls, edit: next } of steps) {
        for (const partition of partitions) sent.add(await publish(partition));
        const names = await consumers();
        for (const [index, acknowledged] of pulls) {
          const message = await take(names[index % names.length] ?? "");
          if (message && acknowledged) done.add(await ack(message));
        }
        await edit(next);
      }
      // What was taken and not acknowledged waits for its time; consumers made anew begin with it.
      await edit(NONE);
      await edit(SERIAL);
      for (const sequence of await drain()) done.add(sequence);
      expect([...sent].filter((sequence) => !done.has(sequence))).toEqual([]);
    }),
    { numRuns: Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 15) },
  );
});
