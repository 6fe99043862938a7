import { createHash } from "node:crypto";
import { connect } from "node:net";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import type { Event } from "@vextir/driver-runtime";
import { EventSource, type Frame } from "../testing/event-source.ts";
import { TestServer } from "../testing/test-server.ts";
import { StreamClient } from "./client.ts";
import type { Replay } from "./place.ts";
import { Streams } from "./streams.ts";

const event = (sequence: number, extra: Partial<Event> = {}): Event => ({
  id: `e${sequence}`,
  type: "a.b",
  publisher: "assistant",
  source: "/a",
  time: "2026-01-01T00:00:00Z",
  data: { sequence },
  correlationId: "c",
  hops: 0,
  extensions: {},
  partition: 0,
  sequence,
  ...extra,
});

const kept = (sequence: number) => ({ event: event(sequence), ms: 7 });
/** The sequence in an id; undefined without one. */
const placeOf = (frame: Frame | undefined) => frame?.id?.split("-")[0];

const opened: TestServer[] = [];
afterEach(async () => {
  for (const { server, streams } of opened.splice(0)) {
    streams.endAll("Closing");
    await server.close();
  }
});

async function serve(config: ConstructorParameters<typeof TestServer>[0] = {}) {
  const made = new TestServer(config);
  opened.push(made);
  const address = await made.server.listen({ port: 0, host: "127.0.0.1" });
  return { ...made, server: made.server, streams: made.streams, url: `${address}/api/stream` };
}

describe("GET /api/stream", () => {
  test("shows events as they come, in the order of the bus, each once", async () => {
    const { streams, url } = await serve();
    const source = await EventSource.open(url);
    expect(source.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    expect(await source.take(1)).toEqual([{ event: "ready", data: { types: [">"] } }]);
    for (const sequence of [3, 1, 2, 2]) streams.see(event(sequence));
    const frames = await source.take(3);
    expect(frames.map(placeOf)).toEqual(["1", "2", "3"]);
    expect(frames[0]?.data).toMatchObject({ type: "a.b", publisher: "assistant", data: { sequence: 1 } });
    await source.close();
    while (streams.open > 0) await new Promise(setImmediate);
  });

  test("shows what is asked for, and of that what may be seen", async () => {
    const key = (name: string) => `vxk_${name.repeat(32)}`;
    const apiKeys = [
      { user: "ada", grants: [{ read: ["a.>"] }] },
      { user: "ops", grants: [{ read: [">"], users: "Any" as const }] },
    ].map((part) => ({
      name: part.user,
      sha256: createHash("sha256").update(key(part.user)).digest("hex"),
      expires: "2100-01-01T00:00:00Z",
      ...part,
    }));
    const { streams, url } = await serve({ auth: { apiKeys } });
    const of = (user: string) => ({ "x-api-key": key(user) });
    const [ada, ops] = [
      await EventSource.open(url, of("ada")),
      await EventSource.open(`${url}?types=a.*,x.y`, of("ops")),
    ];
    await Promise.all([ada.take(1), ops.take(1)]);
    for (const seen of [
      event(1, { userId: "bob" }),
      event(2, { userId: "ada", type: "mail.sent" }),
      event(3, { userId: "ada" }),
      event(4),
      event(5, { userId: "ada", type: "x.y" }),
      event(6, { userId: "ada" }),
    ])
      streams.see(seen);
    expect((await ada.take(2)).map(placeOf)).toEqual(["3", "6"]);
    expect((await ops.take(5)).map(placeOf)).toEqual(["1", "3", "4", "5", "6"]);
    expect((await fetch(url)).status).toBe(401);
  });

  test("a client that comes back gets what it missed, from memory", async () => {
    const { streams, url } = await serve();
    const first = await EventSource.open(url);
    await first.take(1);
    for (const sequence of [1, 2]) streams.see(event(sequence));
    await first.take(2);
    await first.close();
    for (const sequence of [3, 4]) streams.see(event(sequence));
    const second = await EventSource.open(url, { "last-event-id": "2-0" });
    streams.see(event(5));
    const frames = await second.take(5);
    expect(frames.map((each) => placeOf(each) ?? each.event)).toEqual(["ready", "resumed", "3", "4", "5"]);
    expect(frames[1]?.data).toEqual({ after: "2-0", from: "Memory" });
  });

  test("what is no longer in memory is said to be missed", async () => {
    const { streams, url } = await serve();
    const source = await EventSource.open(url, { "last-event-id": "2-0" });
    const frames = await source.take(3);
    expect(frames.map(({ event: name }) => name)).toEqual(["ready", "resumed", "missed"]);
    streams.missed();
    expect((await source.take(1))[0]?.event).toBe("missed");
  });

  test("ends at shutdown, and says so", async () => {
    const { streams, url } = await serve();
    const source = await EventSource.open(url);
    await source.take(1);
    streams.endAll("Closing");
    expect(await source.next()).toEqual({ event: "end", data: { reason: "Closing" } });
    expect(await source.next()).toBeUndefined();
  });

  test("there are only so many", async () => {
    const { url } = await serve({ maxStreams: 1 });
    const source = await EventSource.open(url);
    await source.take(1);
    const second = await fetch(url);
    expect([second.status, second.headers.get("retry-after")]).toEqual([503, "1"]);
  });

  test("a client that does not read is cut off, and others are not kept waiting", async () => {
    const { streams, url } = await serve();
    const { hostname, port } = new URL(url);
    const slow = connect(Number(port), hostname);
    slow.pause();
    slow.write("GET /api/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    while (streams.open < 1) await new Promise(setImmediate);
    const quick = await EventSource.open(url);
    await quick.take(1);
    const data = "x".repeat(100_000);
    let sequence = 0;
    for (; streams.open > 1 && sequence < 2_000; ) {
      streams.see(event(++sequence, { data }));
      expect(placeOf((await quick.take(1))[0])).toBe(String(sequence));
    }
    expect(sequence).toBeLessThan(500);
    let last = "";
    slow.on("data", (bytes: Buffer) => {
      last = (last + bytes.toString()).slice(-200);
    });
    slow.resume();
    await new Promise((resolve) => slow.once("close", resolve));
    expect(last).toContain('event: end\ndata: {"reason":"TooSlow"}');
  });
});

describe("a client", () => {
  /** A socket that takes nothing more after its first write. */
  const stuck = () => {
    const written: string[] = [];
    const drains: (() => void)[] = [];
    const sink = {
      written,
      ended: false,
      write: (text: string) => written.push(text) > 1e9,
      end: () => {
        sink.ended = true;
      },
      destroy: () => {},
      on: (_: string, drain: () => void) => drains.push(drain),
      drain: () => {
        for (const each of drains) each();
      },
    };
    return sink;
  };

  test("keeps the order of what had to wait", () => {
    const sink = stuck();
    const client = new StreamClient(sink as never);
    for (const text of ["1", "2", "3"]) client.send(text);
    expect(sink.written).toEqual(["1"]);
    sink.drain();
    sink.drain();
    expect(sink.written).toEqual(["1", "2", "3"]);
  });

  test.each([
    { reason: "many", text: "x", count: 1_100 },
    { reason: "much", text: "x".repeat(100_000), count: 12 },
  ])("for which too $reason wait is ended", ({ text, count }) => {
    const sink = stuck();
    const client = new StreamClient(sink as never);
    for (let i = 0; i < count; i++) client.send(text);
    expect([client.ended, sink.ended, sink.written.length]).toEqual([true, true, 2]);
    expect(sink.written[1]).toContain("TooSlow");
  });

  test("that takes nothing for a minute is ended", () => {
    let now = 0;
    const sink = stuck();
    const client = new StreamClient(sink as never, () => now);
    client.send("1");
    now = 59_000;
    client.beat();
    expect(client.ended).toBe(false);
    now = 61_000;
    client.beat();
    expect(client.ended).toBe(true);
  });
});

describe("a history", () => {
  const sink = () => {
    const texts: string[] = [];
    return {
      texts,
      ids: () => texts.map((text) => /^id: (\d+)-/.exec(text)?.[1] ?? /^event: (\w+)/.exec(text)?.[1]),
      client: new StreamClient({
        write: (text: string) => texts.push(text) > 0,
        end() {},
        destroy() {},
        on() {},
      } as never),
    };
  };

  test("comes first, then what came meanwhile, nothing twice", async () => {
    const streams = new Streams(1);
    const { ids, client } = sink();
    const replay: Replay = async function* (after) {
      expect(after).toEqual({ sequence: 10, ms: 7 });
      yield [kept(11), kept(12)];
      for (const sequence of [12, 13, 14]) streams.see(event(sequence));
      await new Promise(setImmediate);
      yield [kept(13)];
      yield [];
    };
    await streams.add({ client, shows: () => true, after: { sequence: 10, ms: 7 }, replay });
    streams.see(event(15));
    await new Promise(setImmediate);
    expect(ids()).toEqual(["resumed", "11", "12", "13", "14", "15"]);
    streams.endAll("Closing");
  });

  test("that is behind is waited for until it meets what was seen since", async () => {
    const streams = new Streams(1);
    const { ids, client } = sink();
    const replay: Replay = async function* () {
      yield [kept(11)];
      // The gateway has just started: 12 came before it observed anything, and the ledger has not recorded it yet.
      streams.see(event(13));
      await new Promise(setImmediate);
      yield [];
      yield [kept(12)];
      yield [kept(13)];
      yield [];
      throw new Error("asked once more");
    };
    await streams.add({ client, shows: () => true, after: { sequence: 10, ms: 7 }, replay });
    expect(ids()).toEqual(["resumed", "11", "12", "13"]);
    streams.endAll("Closing");
  });

  test("that stays behind is told", async () => {
    jest.useFakeTimers({ doNotFake: ["setImmediate"] });
    try {
      const streams = new Streams(1);
      const { ids, client } = sink();
      const replay: Replay = async function* () {
        streams.see(event(13));
        await new Promise(setImmediate);
        for (;;) {
          jest.advanceTimersByTime(200);
          yield [];
        }
      };
      await streams.add({ client, shows: () => true, after: { sequence: 10, ms: 7 }, replay });
      expect(ids()).toEqual(["resumed", "missed", "13"]);
      streams.endAll("Closing");
    } finally {
      jest.useRealTimers();
    }
  });

  test("that fails is told, and what comes is shown all the same", async () => {
    const streams = new Streams(1);
    const { ids, client } = sink();
    const replay: Replay = async function* () {
      yield [kept(11)];
      throw new Error("away");
    };
    await streams.add({ client, shows: () => true, after: { sequence: 10, ms: 7 }, replay });
    streams.see(event(20));
    await new Promise(setImmediate);
    expect(ids()).toEqual(["resumed", "11", "missed", "20"]);
    streams.endAll("Closing");
  });
});

test("while nobody listens nothing is kept", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate"] });
  try {
    const streams = new Streams(1);
    const texts: string[] = [];
    const client = () =>
      new StreamClient({
        write: (text: string) => texts.push(text) > 0,
        end() {},
        destroy() {},
        on() {},
      } as never);
    const first = client();
    await streams.add({ client: first, shows: () => true });
    streams.see(event(1));
    await new Promise(setImmediate);
    streams.remove(first);
    jest.advanceTimersByTime(61_000);
    streams.see(event(2));
    await new Promise(setImmediate);
    texts.length = 0;
    await streams.add({ client: client(), shows: () => true, after: { sequence: 1, ms: 0 } });
    expect(texts.map((text) => /^event: (\w+)/.exec(text)?.[1])).toEqual(["resumed", "missed"]);
  } finally {
    jest.useRealTimers();
  }
});
