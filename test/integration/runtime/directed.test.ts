import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { headers } from "@nats-io/transport-node";
import { CE_PREFIX, DIRECTED_HEADERS } from "@vextir/api";
import { defineDriver, type Event } from "@vextir/driver-runtime";
import { eventually } from "../../fixtures/eventually.ts";
import { World } from "./world.ts";

let world: World;
let admin: Awaited<ReturnType<World["bus"]["admin"]>>;
beforeAll(async () => {
  world = await World.start();
  admin = await world.bus.admin();
});
afterAll(async () => {
  await admin.connection.close();
  await world.stop();
});

const publisher = defineDriver({ name: "publisher", version: "1", class: "IO" });

/** Sends a stored event again as the operator does. */
async function direct(to: string, sequence: number, change: Record<string, string> = {}): Promise<void> {
  const event = await admin.jetstream.streams.getMessage("EVENTS", { seq: sequence });
  if (!event) throw new Error("there is no such event");
  const set = headers();
  for (const [name, values] of event.header) if (name.startsWith(CE_PREFIX)) set.set(name, values[0] ?? "");
  set.set(DIRECTED_HEADERS.sequence, String(event.seq));
  set.set(DIRECTED_HEADERS.storedMs, String(event.time.getTime()));
  for (const [name, value] of Object.entries(change)) set.set(name, value);
  const subject = `${to}.${event.subject.split(".").slice(1).join(".")}`;
  const answer = await admin.connection.request(subject, event.data, { headers: set, timeout: 5_000 });
  expect(answer.json()).toEqual({ stream: "DIRECTED", seq: expect.any(Number) });
}

const waiting = async () => (await admin.jetstream.streams.info("DIRECTED")).state.messages;

test("what is sent to one driver is handled by its subscription again, with the first one's place, once where it says so", async () => {
  const seen: Event[] = [];
  const others: Event[] = [];
  const done: string[] = [];
  await world.run(
    defineDriver({
      name: "again",
      version: "1",
      class: "Agent",
      on: {
        "note.*": async (event, { once }) => {
          seen.push(event);
          await once(event.id, (key) => void done.push(key));
        },
      },
    }),
    {
      capabilities: { state: true },
      subscriptions: [{ types: ["note.*"], filters: [{ exact: { userid: "ann" } }] }],
    },
  );
  await world.run(
    defineDriver({
      name: "other",
      version: "1",
      class: "Agent",
      on: { "note.*": (event) => void others.push(event) },
    }),
    { subscriptions: [{ types: ["note.*"] }] },
  );
  const { driver } = await world.run(publisher, { capabilities: { publish: ["note.*"] } });
  const first = await driver.publish("note.a", 1, { userId: "ann" });
  const filtered = await driver.publish("note.a", 2, { userId: "bob" });
  await eventually(() => seen.length === 1 && others.length === 2, "the events");

  await direct("to.again.default", filtered.sequence);
  await direct("to.again.default", first.sequence, {
    [DIRECTED_HEADERS.replay]: "r1",
    [DIRECTED_HEADERS.kind]: "Replay",
  });
  await eventually(() => seen.length === 2, "the event again");
  const replay = { id: "r1", kind: "Replay", attempts: 0, redrives: 0 };
  expect(seen[1]).toEqual({ ...seen[0], replay });
  expect(seen[0]).not.toHaveProperty("replay");
  expect(done).toHaveLength(1);
  await eventually(async () => (await waiting()) === 0, "nothing waiting");
  expect(others).toHaveLength(2);
});

test("what fails again is a dead letter again, of the same event, with all its attempts", async () => {
  await world.run(
    defineDriver({
      name: "failing",
      version: "1",
      class: "Agent",
      on: {
        "bad.*": () => {
          throw new Error("no");
        },
      },
    }),
    { subscriptions: [{ types: ["bad.*"], delivery: { maxDeliver: 2, backoff: ["1ms"] } }] },
  );
  const { driver } = await world.run(publisher, { capabilities: { publish: ["bad.*"] } });
  const { sequence } = await driver.publish("bad.a", "x");
  const letter = () =>
    admin.jetstream.streams.getMessage("DEADLETTERS", { last_by_subj: "dlq.failing.bad.a" });
  const found = async (attempts: string) =>
    (await letter().catch(() => null))?.header.get("Vextir-Attempts") === attempts;
  await eventually(() => found("2"), "the dead letter");
  await direct("to.failing.default", sequence, {
    [DIRECTED_HEADERS.kind]: "Redrive",
    [DIRECTED_HEADERS.attempts]: "2",
    [DIRECTED_HEADERS.redrives]: "1",
  });
  await eventually(() => found("4"), "the second dead letter");
  const again = await letter();
  expect(again?.header.get("Vextir-Redrives")).toBe("1");
  expect(again?.header.get("Vextir-Sequence")).toBe(String(sequence));
  expect(again?.header.get("Vextir-Subject")).toMatch(/^evt\.publisher\.\d+\.bad\.a$/);
  await eventually(async () => (await waiting()) === 0, "nothing waiting");
});

test("what was sent goes with the driver: a successor of its name is not meant", async () => {
  const { driver } = await world.run(publisher, { capabilities: { publish: ["late.*"] } });
  const { sequence } = await driver.publish("late.a", "x");
  const leaving = await world.bus.driver("leaving", { subscriptions: [{ types: ["late.*"] }] });
  const staying = await world.bus.driver("leaving-not", { subscriptions: [{ types: ["late.*"] }] });
  for (const { name } of [leaving, staying]) await direct(`to.${name}.default`, sequence);
  await world.bus.removeDriver(leaving);
  expect((await admin.jetstream.streams.info("DIRECTED", { subjects_filter: ">" })).state.subjects).toEqual({
    [`to.leaving-not.default.publisher.${await partition(sequence)}.late.a`]: 1,
  });
});

async function partition(sequence: number): Promise<string> {
  const event = await admin.jetstream.streams.getMessage("EVENTS", { seq: sequence });
  return event?.subject.split(".")[2] ?? "";
}
