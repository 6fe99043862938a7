import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { JetStreamManager } from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { DEAD_LETTER_HEADERS, type ReplayPage, type ReplayRequest } from "@vextir/api";
import { type Driver, defineDriver, type Event, TerminalError } from "@vextir/driver-runtime";
import { Redelivery } from "@vextir/operator/bus/index.ts";
import { redriveLetters } from "@vextir/operator/bus/redelivery/redrive.ts";
import { replayEvents } from "@vextir/operator/bus/redelivery/replay.ts";
import { eventually } from "../../fixtures/eventually.ts";
import { NAMESPACE } from "../../fixtures/nats.ts";
import { World } from "./world.ts";

/** More is a measurement. */
const EVENTS = Number(process.env["VEXTIR_REPLAY_EVENTS"] ?? 560);
const ALL = EVENTS + 26;

let world: World;
let admin: Awaited<ReturnType<World["bus"]["admin"]>>;
let redelivery: Redelivery;
let publisher: Driver;
/** What drivers handled, by their name. */
const seen: Record<string, Event[]> = {};
/** Types that they fail on now. */
const failing = new Set<string>();

beforeAll(async () => {
  world = await World.start();
  admin = await world.bus.admin();
  const { url, realm, pinned } = world.bus;
  redelivery = new Redelivery({ servers: [url], realm, pinned });
  const io = defineDriver({ name: "publisher", version: "1", class: "IO" });
  ({ driver: publisher } = await world.run(io, { capabilities: { publish: [">"] } }));
});
afterAll(async () => {
  redelivery.close();
  await admin.connection.close();
  await world.stop();
});

/** A driver that notes what it handles, fails on `failing`, and does something once per event. */
async function run(
  name: string,
  types: string[],
  done: string[] = [],
  ordering: "None" | "ByKey" = "None",
): Promise<void> {
  seen[name] = [];
  const handle = async (event: Event, { once }: { once: Driver["once"] }) => {
    seen[name]?.push(event);
    if (failing.has(event.type)) throw new TerminalError(`no ${event.type}`);
    await once(event.id, () => void done.push(event.id));
  };
  await world.run(
    defineDriver({
      name,
      version: "1",
      class: "Agent",
      on: Object.fromEntries(types.map((type) => [type, handle])),
    }),
    { capabilities: { state: true }, subscriptions: [{ types, ordering }] },
  );
}

const list = async (filter: Parameters<Redelivery["list"]>[1] = {}) =>
  (await redelivery.list(NAMESPACE, filter)).letters;
const waiting = async () => (await admin.jetstream.streams.info("DIRECTED")).state.messages;

async function letters(driver: string, count: number) {
  await eventually(
    async () => (await list({ driver })).length === count,
    `${count} dead letters of ${driver}`,
  );
  return list({ driver });
}

describe("dead letters", () => {
  test("are listed with why, and by driver, type, reason, user, time and subscription, page by page", async () => {
    await run("sorter", ["sort.>"]);
    failing.add("sort.a").add("sort.b");
    const sent = [
      ["sort.a", "ann"],
      ["sort.b", "bob"],
      ["sort.a", "bob"],
    ] as const;
    // One after the other: two of one millisecond can't be told apart by their time.
    for (const [index, [type, userId]] of sent.entries()) {
      await publisher.publish(type, { type }, { userId });
      await letters("sorter", index + 1);
    }
    const all = await letters("sorter", 3);
    expect(all[0]).toEqual({
      ...{ sequence: expect.any(Number), at: expect.any(String), bytes: 17, cut: false },
      ...{ driver: "sorter", subscription: "default", type: "sort.a", publisher: "publisher", user: "ann" },
      ...{ reason: "Terminal", error: "no sort.a", attempts: 1, redrives: 0 },
      ...{ id: expect.any(String), source: "/team/publisher" },
    });
    const [first, second, third] = all.map(({ sequence }) => sequence) as [number, number, number];
    const at = all[1]?.at ?? "";
    const cases: [Parameters<typeof list>[0], number[], string][] = [
      [{ type: "sort.a" }, [first, third], "type"],
      [{ type: "sort.*", user: "bob" }, [second, third], "user and type"],
      [{ driver: "sorter", reason: "AttemptsExhausted" }, [], "reason"],
      [{ driver: "sorter", subscription: "other" }, [], "subscription"],
      [{ driver: "sorter", from: at }, [second, third], "time"],
      [{ driver: "sorter", to: at }, [first, second], "until"],
      [{ driver: "sorter", after: first, through: second }, [second], "place"],
      [{ driver: "nobody" }, [], "driver"],
      [{ driver: "sorter", sequences: [third, 999] }, [third], "number"],
    ];
    for (const [filter, expected, reason] of cases)
      expect({ reason, found: (await list(filter)).map(({ sequence }) => sequence) }).toEqual({
        reason,
        found: expected,
      });
    const page = await redelivery.list(NAMESPACE, { driver: "sorter", limit: 2 });
    expect(page).toMatchObject({ letters: [{ sequence: first }, { sequence: second }], next: second });
    const detail = await redelivery.show(NAMESPACE, first);
    expect(detail).toMatchObject({
      letter: all[0],
      data: { type: "sort.a" },
      attributes: { type: "sort.a", userid: "ann" },
    });
    expect(await redelivery.show(NAMESPACE, 999)).toBeUndefined();
    expect(await redelivery.drop(NAMESPACE, { type: "sort.b" })).toMatchObject({
      done: 1,
      types: { "sort.b": 1 },
    });
    expect((await list({ driver: "sorter" })).map(({ sequence }) => sequence)).toEqual([first, third]);
  });

  test("that are redriven come to their driver alone, and are gone once they stand in DIRECTED; what fails again is one again", async () => {
    await Promise.all([run("mender", ["mend.*"]), run("witness", ["mend.*"])]);
    failing.add("mend.a").add("mend.b");
    const event = await publisher.publish("mend.a", 1, { userId: "ann" });
    await publisher.publish("mend.b", 2);
    await letters("mender", 2);
    await redelivery.drop(NAMESPACE, { driver: "witness" });
    failing.delete("mend.a");
    const before = (await list({ driver: "mender" })).at(-1)?.sequence ?? 0;
    expect(await redelivery.redrive(NAMESPACE, { driver: "mender" })).toEqual({
      ...{ done: 2, types: { "mend.a": 1, "mend.b": 1 }, skipped: [], through: expect.any(Number) },
    });
    const [again] = await letters("mender", 1);
    expect(again).toMatchObject({ type: "mend.b", attempts: 2, redrives: 1 });
    expect(again?.sequence).toBeGreaterThan(before);
    await eventually(() => seen["mender"]?.length === 4, "both again");
    expect(seen["mender"]?.find(({ id, replay }) => id === event.id && replay)).toMatchObject({
      ...{ userId: "ann", publisher: "publisher", sequence: event.sequence },
      replay: { kind: "Redrive", attempts: 1, redrives: 1 },
    });
    expect(seen["witness"]).toHaveLength(2);
  });

  test("that somebody redrives again after a crash between sending and deleting come once", async () => {
    // In order too: its own consumers are several, and what is sent again comes by one.
    await run("crasher", ["crash.*"], [], "ByKey");
    failing.add("crash.a");
    await publisher.publish("crash.a", 1);
    const [letter] = await letters("crasher", 1);
    failing.delete("crash.a");
    const crash = new Error("crash");
    const dying = { ...admin, jetstream: withoutDeleting(admin.jetstream, crash) };
    await expect(redriveLetters(dying, { driver: "crasher" }, "first")).rejects.toBe(crash);
    await eventually(() => seen["crasher"]?.length === 2, "the event again");
    expect(await letters("crasher", 1)).toEqual([letter]);
    expect(await redelivery.redrive(NAMESPACE, { driver: "crasher" })).toMatchObject({ done: 1 });
    expect(await letters("crasher", 0)).toEqual([]);
    // What is sent behind it has come, and it has not.
    await publisher.publish("crash.b", 2);
    await eventually(async () => seen["crasher"]?.some(({ type }) => type === "crash.b"), "the next event");
    await eventually(async () => (await waiting()) === 0, "nothing waiting");
    expect(seen["crasher"]?.map(({ replay }) => replay?.id)).toEqual([undefined, "first", undefined]);
  });

  test("that a driver made up bring nobody's event to it, and not its own word for another's unless that is asked for", async () => {
    await run("liar", ["lie.*"]);
    const secret = await publisher.publish("secret.plan", "attack at dawn", { id: "plan" });
    const genuine = await publisher.publish("lie.a", "genuine", { id: "a" });
    const connection = await world.bus.connect({ name: "liar" });
    const forge = async (type: string, sequence: number, id: string, subject = `evt.publisher.1.${type}`) => {
      const set = headers();
      const attributes = { specversion: "1.0", id, source: "/team/publisher", type };
      for (const [name, value] of Object.entries(attributes)) set.set(`ce-${name}`, value);
      set.set(DEAD_LETTER_HEADERS.subscription, "default");
      set.set(DEAD_LETTER_HEADERS.subject, subject);
      set.set(DEAD_LETTER_HEADERS.sequence, String(sequence));
      const answer = await connection.request(`dlq.liar.${type}`, '"forged"', {
        headers: set,
        timeout: 5_000,
      });
      return answer.json<{ seq: number }>().seq;
    };
    const stored = await admin.jetstream.streams.getMessage("EVENTS", { seq: secret.sequence });
    const own = await admin.jetstream.streams.getMessage("EVENTS", { seq: genuine.sequence });
    const foreign = await forge("secret.plan", secret.sequence, "plan", stored?.subject);
    const disguised = await forge("lie.a", secret.sequence, "plan", stored?.subject);
    const invented = await forge("lie.b", 999_999, "invented");
    const retold = await forge("lie.a", genuine.sequence, "a", own?.subject);
    expect((await redelivery.redrive(NAMESPACE, { driver: "liar" })).skipped).toEqual([
      { sequence: foreign, reason: "BadLetter" },
      { sequence: disguised, reason: "BadLetter" },
      { sequence: invented, reason: "EventGone" },
    ]);
    await eventually(() => seen["liar"]?.some(({ replay }) => replay), "the genuine one");
    expect(seen["liar"]?.map(({ data }) => data)).toEqual(["genuine", "genuine"]);
    expect(retold).toBeGreaterThan(invented);
    expect(await redelivery.redrive(NAMESPACE, { sequences: [invented], unverified: true })).toMatchObject({
      done: 1,
    });
    await eventually(() => seen["liar"]?.some(({ data }) => data === "forged"), "its own word");
    await connection.close();
  });

  test("of handlings are sent again as such", async () => {
    const kept: Event[] = [];
    let isBroken = true;
    await world.run(
      defineDriver({
        name: "keeper",
        version: "1",
        class: "Tool",
        on: {
          "vextir.handlings": (event) => {
            if (isBroken) throw new TerminalError("no disk");
            kept.push(event);
          },
        },
      }),
      { subscriptions: [{ from: "Handlings", types: [">"] }] },
    );
    await run("worker", ["work.*"]);
    await publisher.publish("work.a", 1);
    // Other drivers' handlings come to it too.
    const ofWorker = async () =>
      (await list({ driver: "keeper", type: "vextir.handlings" })).filter(
        (letter) => letter.publisher === "worker",
      );
    await eventually(async () => (await ofWorker()).length === 1, "the dead letter");
    isBroken = false;
    const sequences = (await ofWorker()).map(({ sequence }) => sequence);
    expect(await redelivery.redrive(NAMESPACE, { sequences })).toMatchObject({ done: 1, skipped: [] });
    await eventually(() => kept.some(({ replay }) => replay?.kind === "Redrive"), "them again");
    expect(kept.find(({ replay }) => replay)).toMatchObject({
      publisher: "worker",
      data: { handlings: [{ type: "work.a", outcome: "Succeeded" }] },
    });
  });

  test("of a driver that is gone stay where they are", async () => {
    await run("gone", ["gone.*"]);
    failing.add("gone.a");
    await publisher.publish("gone.a", 1);
    const [letter] = await letters("gone", 1);
    await world.bus.removeDriver(world.bus.access("gone"));
    expect((await redelivery.redrive(NAMESPACE, { driver: "gone" })).skipped).toEqual([
      { sequence: letter?.sequence, reason: "NoSuchSubscription" },
    ]);
    expect(await letters("gone", 1)).toEqual([letter]);
  });
});

describe("a replay", () => {
  const whole = async (driver: string, request: ReplayRequest): Promise<ReplayPage[]> => {
    const pages: ReplayPage[] = [];
    for (let next: ReplayRequest | undefined = request; next; ) {
      const page = await redelivery.replay(NAMESPACE, driver, next);
      if (!page) throw new Error(`nothing to replay to ${driver}`);
      pages.push(page);
      const { replay, through, next: after } = page;
      next = after === undefined ? undefined : { ...request, replay, through, after };
    }
    return pages;
  };
  const sum = (pages: ReplayPage[]) =>
    pages.flatMap(({ types }) => Object.values(types)).reduce((a, b) => a + b, 0);

  test("of a time brings exactly its events to one driver, once where it says so, and none to another", async () => {
    const done: string[] = [];
    await Promise.all([run("historian", ["past.>"], done, "ByKey"), run("bystander", ["past.>"])]);
    const publish = async (type: string, count: number) => {
      await Promise.all(Array.from({ length: count }, (_, i) => publisher.publish(type, i)));
    };
    await publish("past.before", 3);
    const from = await boundary();
    await publish("past.a", EVENTS);
    await publish("past.b.c", 20);
    await publish("other.a", 5);
    const to = await boundary();
    await publish("past.after", 3);
    await eventually(() => seen["historian"]?.length === ALL && done.length === ALL, "the events");

    const dry = await whole("historian", { from, to, dryRun: true });
    expect(dry.map(({ types }) => types)).toEqual([{ "past.a": EVENTS, "past.b.c": 20 }]);
    expect(
      await whole("historian", { from, to, types: ["past.*.c", "other.>"], dryRun: true }),
    ).toMatchObject([{ types: { "past.b.c": 20 } }]);
    expect(await waiting()).toBe(0);

    const began = performance.now();
    const pages = await whole("historian", { from, to });
    const sentMs = performance.now() - began;
    expect(pages.length).toBeGreaterThan(1);
    expect(sum(pages)).toBe(EVENTS + 20);
    await eventually(() => seen["historian"]?.length === ALL + EVENTS + 20, "them again");
    const handledMs = performance.now() - began;
    console.log(
      `replay: ${EVENTS} events sent in ${(sentMs / 1e3).toFixed(2)} s, handled in ${(handledMs / 1e3).toFixed(2)} s`,
    );
    const again = seen["historian"]?.slice(ALL) ?? [];
    const first = (seen["historian"]?.slice(0, ALL) ?? []).filter(({ type }) =>
      /^past\.(a|b\.c)$/.test(type),
    );
    const ids = (events: Event[]) => events.map(({ id }) => id).sort();
    expect(ids(again)).toEqual(ids(first));
    expect(new Set(again.map(({ replay }) => replay?.id))).toEqual(new Set([pages[0]?.replay]));
    expect(done).toHaveLength(ALL);
    expect(seen["bystander"]).toHaveLength(ALL);

    // Somebody goes on with it from its beginning, as after a crash.
    const repeated = await whole("historian", { from, to, replay: pages[0]?.replay ?? "" });
    expect({ sent: sum(repeated), repeated: repeated.reduce((n, page) => n + page.repeated, 0) }).toEqual({
      ...{ sent: 0, repeated: EVENTS + 20 },
    });
    // What was handled is settled a moment later.
    await eventually(async () => (await waiting()) === 0, "nothing waiting");
    expect(seen["historian"]).toHaveLength(ALL + EVENTS + 20);
    expect(await redelivery.replay(NAMESPACE, "nobody", { from })).toBeUndefined();
  });

  test("that the bus breaks off in its middle fails as a whole: what was on its way is no promise that nobody looks at", async () => {
    await run("cutoff", ["cutoff.*"]);
    const from = await boundary();
    for (let i = 0; i < 3; i++) await publisher.publish("cutoff.a", i);
    const gone = new Error("gone");
    const request: NatsConnection["request"] = (subject, ...rest) =>
      subject.startsWith("to.") ? Promise.reject(gone) : admin.connection.request(subject, ...rest);
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on("unhandledRejection", note);
    try {
      const broken = { ...admin, connection: instead(admin.connection, "request", request) };
      await expect(replayEvents(broken, "cutoff", { from })).rejects.toBe(gone);
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.off("unhandledRejection", note);
    }
    expect(unhandled).toEqual([]);
    expect(await waiting()).toBe(0);
  });

  test("that the bus has no room for waits for the driver, and loses nothing", async () => {
    await world.bus.tenant(NAMESPACE, { directed: { maxBytes: "64Ki" } });
    await run("slow", ["bulk.*"]);
    const from = await boundary();
    for (let i = 0; i < 100; i++) await publisher.publish("bulk.a", "x".repeat(2_000));
    await eventually(() => seen["slow"]?.length === 100, "the events");
    let pages: ReplayPage[] = [];
    let isFull = false;
    for (let request: ReplayRequest | undefined = { from }; request; ) {
      const page: ReplayPage | undefined = await redelivery.replay(NAMESPACE, "slow", request);
      if (!page) break;
      pages = [...pages, page];
      isFull ||= page.full === true;
      request =
        page.next === undefined
          ? undefined
          : { from, replay: page.replay, through: page.through, after: page.next };
    }
    expect(isFull).toBe(true);
    await eventually(() => seen["slow"]?.length === 200, "all of them again");
    const again = seen["slow"]?.slice(100) ?? [];
    expect(new Set(again.map(({ id }) => id)).size).toBe(100);
  });
});

/** The object with another member in place of its own. */
const instead = <T extends object>(target: T, name: string, value: unknown): T =>
  new Proxy(target, {
    get: (of, member) => {
      if (member === name) return value;
      const found: unknown = Reflect.get(of, member, of);
      return typeof found === "function" ? found.bind(of) : found;
    },
  });

/** Dies when it is to delete a message. */
const withoutDeleting = (jetstream: JetStreamManager, crash: Error): JetStreamManager =>
  instead(
    jetstream,
    "streams",
    instead(jetstream.streams, "deleteMessage", () => Promise.reject(crash)),
  );

/** A moment between what was stored and what will be. */
async function boundary(): Promise<string> {
  const pause = () => new Promise((resolve) => setTimeout(resolve, 3));
  await pause();
  const at = new Date().toISOString();
  await pause();
  return at;
}
