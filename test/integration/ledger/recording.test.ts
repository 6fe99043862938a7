import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { type Database, migrate, NewerSchema } from "@vextir/database";
import { Ledger } from "@vextir/driver-ledger/ledger.ts";
import { getEvent } from "@vextir/driver-ledger/reading/get.ts";
import { knownEvents } from "@vextir/driver-ledger/reading/known.ts";
import { lineageOf } from "@vextir/driver-ledger/reading/lineage.ts";
import { queryEvents } from "@vextir/driver-ledger/reading/query.ts";
import { LineageInput, QueryInput } from "@vextir/driver-ledger/reading/schemas.ts";
import { ledgerSchema } from "@vextir/driver-ledger/schema/migrate.ts";
import type { Event, Handling } from "@vextir/driver-runtime";
import type { z } from "zod";
import type { Home } from "../../fixtures/database-home.ts";
import { homes } from "./databases.ts";

const DAY_MS = 86_400_000;
const NOW = Date.parse("2026-03-10T12:00:00Z");
let sequence = 0;

function event(type: string, more: Partial<Event> = {}): Event {
  const id = more.id ?? `e${++sequence}`;
  return {
    id,
    type,
    publisher: "gateway",
    source: "/tests",
    time: "2026-03-10T12:00:00Z",
    data: undefined,
    correlationId: more.causationId ?? id,
    hops: 0,
    extensions: {},
    partition: 0,
    sequence: ++sequence,
    ...more,
  };
}

describe.each(Object.keys(homes))("a ledger in %s", (kind) => {
  let home: Home;
  let serial = 0;
  const opened: Database[] = [];

  beforeAll(async () => {
    home = await (homes[kind] as () => Promise<Home>)();
    // PGlite makes its folder when it is first opened, which takes long where others are at work too.
    await (await home.open("first")).close();
  });
  afterEach(async () => {
    for (const database of opened.splice(0)) await database.close();
  });
  afterAll(() => home.remove());

  async function open(schema = `s${++serial}`) {
    const database = await home.open(schema);
    opened.push(database);
    await migrate(database, ledgerSchema(schema));
    const counts = { rows: 0, fresh: 0, troubles: 0 };
    const stop = new AbortController();
    const ledger = new Ledger({
      database,
      schema,
      retentionMs: 90 * DAY_MS,
      signal: stop.signal,
      written: (_, rows, fresh) => {
        counts.rows += rows;
        counts.fresh += fresh;
      },
      trouble: () => counts.troubles++,
      recovered: () => {},
    });
    const query = (input: z.input<typeof QueryInput>) => queryEvents(database, QueryInput.parse(input));
    const lineage = (input: z.input<typeof LineageInput>) => lineageOf(database, LineageInput.parse(input));
    return { database, schema, ledger, counts, query, lineage };
  }

  test("what was recorded is answered as it was", async () => {
    const { database, ledger } = await open();
    const whole = event("mail.received", {
      subject: "a subject",
      data: { list: [1, "two", null, { deep: true }], text: "ünï" },
      dataContentType: "application/json",
      dataSchema: "https://schemas.example/1",
      causationId: "cause",
      correlationId: "root",
      userId: "ann",
      hops: 3,
      partitionKey: "key",
      traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      extensions: { own: "value" },
    });
    await ledger.record(whole, NOW);
    const { partition, ...rest } = whole;
    const size = Buffer.byteLength(JSON.stringify(whole.data));
    expect((await getEvent(database, { id: whole.id })).event).toEqual({
      ...rest,
      size,
      storedAt: "2026-03-10T12:00:00.000Z",
    });
  });

  test.each([
    { data: { text: "nul \u0000 inside" }, reason: "text of PostgreSQL has no NUL" },
    { data: { text: "lone \ud800 surrogate" }, reason: "jsonb takes no lone surrogate" },
    { data: { "key\u0000": 1 }, reason: "nor in names" },
    { data: [1e308, -0.5, 1.5e-7], reason: "numbers keep their value" },
    { data: "a text", reason: "JSON may be a text" },
    { data: null, reason: "or null" },
    { data: false, reason: "or false" },
  ])("data is kept: $reason", async ({ data }) => {
    const { ledger, query } = await open();
    await ledger.record(event("odd", { data, dataContentType: "application/json" }), NOW);
    expect((await query({})).events[0]?.data).toEqual(data);
  });

  test("data that is no JSON is kept as bytes", async () => {
    const { ledger, query } = await open();
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => i % 256);
    await ledger.record(event("image", { data: bytes, dataContentType: "image/png" }), NOW);
    await ledger.record(
      event("broken", { data: Buffer.from("{no json"), dataContentType: "application/json" }),
      NOW,
    );
    const { events } = await query({ order: "Oldest" });
    expect(Buffer.from(events[0]?.dataBase64 ?? "", "base64")).toEqual(Buffer.from(bytes));
    expect(Buffer.from(events[1]?.dataBase64 ?? "", "base64").toString()).toBe("{no json");
  });

  test("exactly once by publisher, source and id: in a batch, later, and after the partition's end", async () => {
    const { ledger, counts, query } = await open();
    const one = event("a", { id: "same" });
    await Promise.all([ledger.record(one, NOW), ledger.record(one, NOW), ledger.record(one, NOW + 1)]);
    await ledger.record({ ...one, sequence: 999 }, NOW + 1);
    await ledger.record({ ...one, sequence: 1_000 }, NOW + 20 * DAY_MS);
    expect((await query({})).events).toHaveLength(1);
    expect(counts).toEqual({ rows: 5, fresh: 1, troubles: 0 });
    await ledger.record({ ...one, publisher: "other" }, NOW);
    await ledger.record({ ...one, source: "/other" }, NOW);
    expect((await query({})).events).toHaveLength(3);
  });

  test("senders behind one publisher have ids of their own, with the handlings of each", async () => {
    const { database, ledger, query, lineage } = await open();
    const of = (sender: string) =>
      event("a", {
        id: "1",
        correlationId: `sender ${sender}`,
        userId: sender,
        data: { sender },
        sequence: ++sequence,
      });
    for (const sender of ["ada", "bob", "ada"]) await ledger.record(of(sender), NOW);
    expect((await query({ order: "Oldest" })).events.map(({ data }) => data)).toEqual([
      { sender: "ada" },
      { sender: "bob" },
    ]);
    const handled = (root: string): Handling => ({
      ...{ id: "1", source: "/tests", publisher: "gateway", type: "a", sequence: 1, root },
      ...{ subscription: "default", attempt: 1, at: "2026-03-10T12:00:00.000Z", durationMs: 1 },
      outcome: root,
    });
    await ledger.recordHandlings("worker", [handled("sender bob")], NOW);
    const { events } = await lineage({ id: "1" });
    expect(events.map(({ handlings }) => handlings)).toEqual([[]]);
    expect(await getEvent(database, { id: "1", user: "bob" })).toMatchObject({
      event: { data: { sender: "bob" } },
      handlings: [{ outcome: "sender bob" }],
      others: 0,
    });
    const known = (publisher: string, correlation: string, id = "1") =>
      knownEvents(database, publisher, { events: [{ source: "/tests", id, correlation }] });
    expect(await known("gateway", "sender ada")).toEqual({ known: [0] });
    expect(await known("gateway", "sender eve")).toEqual({ known: [] });
    expect(await known("other", "sender ada")).toEqual({ known: [] });
    await ledger.record(event("a", { id: "own" }), NOW);
    expect(await known("gateway", "own", "own")).toEqual({ known: [0] });
  });

  test("a row that can't be held is parted from those that can", async () => {
    const { database, ledger, query, counts } = await open();
    await database.execute("alter table events add constraint tests check (type <> 'poison')");
    const results = await Promise.allSettled(
      ["a", "b", "poison", "c", "d", "poison", "e"].map((type) => ledger.record(event(type), NOW)),
    );
    expect(results.map(({ status }) => status === "fulfilled")).toEqual([
      true,
      true,
      false,
      true,
      true,
      false,
      true,
    ]);
    expect((await query({ order: "Oldest" })).events.map(({ type }) => type)).toEqual([
      "a",
      "b",
      "c",
      "d",
      "e",
    ]);
    expect(counts.troubles).toBe(0);
  });

  test("each question that can be asked", async () => {
    const { ledger, query } = await open();
    const root = event("chat.message.received", {
      id: "root",
      userId: "ann",
      data: { text: "where is the Brown fox" },
    });
    const rows: [Event, number][] = [
      [root, NOW],
      [
        event("chat.message.sent", {
          id: "answer",
          causationId: "root",
          publisher: "assistant",
          userId: "ann",
        }),
        NOW + 1_000,
      ],
      [
        event("mail.received", {
          id: "mail",
          source: "imap://a",
          userId: "bob",
          data: { subject: "brown bread" },
        }),
        NOW + 2_000,
      ],
      [event("mail", { id: "short" }), NOW + 40 * DAY_MS],
    ];
    for (const [one, at] of rows) await ledger.record(one, at);
    const table: [z.input<typeof QueryInput>, string[]][] = [
      [{}, ["short", "mail", "answer", "root"]],
      [{ order: "Oldest", limit: 2 }, ["root", "answer"]],
      [{ types: ["chat.>"] }, ["answer", "root"]],
      [{ types: ["*.received", "mail"] }, ["short", "mail"]],
      [{ types: ["chat.*.sent"] }, ["answer"]],
      [{ types: ["mail.>"] }, ["mail"]],
      [{ user: "ann" }, ["answer", "root"]],
      [{ source: "imap://a" }, ["mail"]],
      [{ publisher: "assistant" }, ["answer"]],
      [{ correlation: "root" }, ["answer", "root"]],
      [
        { since: new Date(NOW + 1_000).toISOString(), until: new Date(NOW + 2_000).toISOString() },
        ["answer"],
      ],
      [{ text: "brown" }, ["mail", "root"]],
      [{ text: '"brown fox"' }, ["root"]],
      [{ text: "brown -fox" }, ["mail"]],
      [{ text: "brown", user: "bob", types: [">"] }, ["mail"]],
      [{ text: "'; drop table events; --" }, []],
    ];
    for (const [input, ids] of table)
      expect({ input, ids: (await query(input)).events.map(({ id }) => id) }).toEqual({ input, ids });
  });

  test("pages bring each event once, also while others are recorded; the oldest-first cursor goes on", async () => {
    const { ledger, query } = await open();
    await Promise.all(
      Array.from({ length: 25 }, (_, i) => ledger.record(event("a", { id: `n${i}` }), NOW + i)),
    );
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const answer = await query({ limit: 10, ...(cursor && { cursor }) });
      seen.push(...answer.events.map(({ id }) => id));
      cursor = answer.cursor;
      await ledger.record(event("a"), NOW + 100);
    } while (cursor);
    expect(seen).toHaveLength(25);
    expect(new Set(seen).size).toBe(25);
    const all = await query({ order: "Oldest", limit: 200 });
    expect((await query({ order: "Oldest", cursor: all.cursor ?? "" })).events).toEqual([]);
    await ledger.record(event("a", { id: "late" }), NOW);
    expect((await query({ order: "Oldest", cursor: all.cursor ?? "" })).events.map(({ id }) => id)).toEqual([
      "late",
    ]);
    await expect(query({ cursor: "x" })).rejects.toMatchObject({ code: "InvalidInput" });
  });

  test("answers stay below what the bus carries, and leave nothing out but large data", async () => {
    const { database, ledger, query } = await open();
    const text = "x".repeat(30_000);
    await Promise.all(Array.from({ length: 60 }, () => ledger.record(event("big", { data: { text } }), NOW)));
    await ledger.record(event("huge", { id: "huge", data: { text: "y".repeat(900_000) } }), NOW);
    const ids = new Set<string>();
    let cursor: string | undefined;
    do {
      const answer = await query({ limit: 200, ...(cursor && { cursor }) });
      expect(JSON.stringify(answer).length).toBeLessThan(700_000);
      for (const { id } of answer.events) ids.add(id);
      cursor = answer.cursor;
    } while (cursor);
    expect(ids.size).toBe(61);
    expect((await getEvent(database, { id: "huge" })).event).toMatchObject({
      dataOmitted: true,
      size: 900_011,
    });
  });

  test("lineage up and down, with each handling once", async () => {
    const { database, ledger, lineage } = await open();
    const chain = [
      event("root", { id: "r" }),
      event("left", { id: "l", causationId: "r", correlationId: "r" }),
      event("right", { id: "x", causationId: "r", correlationId: "r" }),
      event("leaf", { id: "f", causationId: "l", correlationId: "r" }),
    ];
    for (const one of chain) await ledger.record(one, NOW);
    const handling = (attempt: number, outcome: string, more: Partial<Handling> = {}): Handling => ({
      ...{
        id: "l",
        source: "/tests",
        publisher: "gateway",
        type: "left",
        sequence: 2,
        subscription: "default",
      },
      ...{ attempt, at: new Date(NOW + attempt).toISOString(), durationMs: 1.5, outcome, ...more },
    });
    const handlings = [handling(1, "Retried", { error: "not \u0000 yet" }), handling(2, "Succeeded")];
    await ledger.recordHandlings("worker", handlings, NOW);
    await ledger.recordHandlings("worker", handlings, NOW);
    const brief = async (input: z.input<typeof LineageInput>) => {
      const { events, edges, focus, truncated } = await lineage(input);
      return {
        focus: events[focus]?.id,
        truncated,
        ids: events.map(({ id }) => id),
        edges: edges.map(({ from, to }) => `${events[from]?.id}>${events[to]?.id}`),
      };
    };
    const whole = { truncated: false };
    expect(await brief({ id: "r" })).toEqual({
      ...whole,
      focus: "r",
      ids: ["r", "l", "x", "f"],
      edges: ["r>l", "r>x", "l>f"],
    });
    expect(await brief({ id: "f" })).toEqual({
      ...whole,
      focus: "f",
      ids: ["r", "l", "f"],
      edges: ["r>l", "l>f"],
    });
    expect(await brief({ id: "l", direction: "Down" })).toEqual({
      ...whole,
      focus: "l",
      ids: ["l", "f"],
      edges: ["l>f"],
    });
    expect(await brief({ id: "r", limit: 2 })).toMatchObject({ truncated: true, ids: ["r", "l"] });
    const expected = [
      { driver: "worker", attempt: 1, outcome: "Retried", error: "not \ufffd yet", durationMs: 1.5 },
      { driver: "worker", attempt: 2, outcome: "Succeeded" },
    ];
    expect((await lineage({ id: "l" })).events.find(({ id }) => id === "l")?.handlings).toMatchObject(
      expected,
    );
    expect((await getEvent(database, { id: "l" })).handlings).toMatchObject(expected);
    await expect(lineage({ id: "nothing" })).rejects.toMatchObject({ code: "NotFound" });
  });

  test("causes in a circle end", async () => {
    const { ledger, lineage } = await open();
    await ledger.record(event("a", { id: "a", causationId: "b" }), NOW);
    await ledger.record(event("b", { id: "b", causationId: "a" }), NOW);
    await ledger.record(event("c", { id: "c", causationId: "c" }), NOW);
    expect((await lineage({ id: "a" })).events).toHaveLength(2);
    expect(await lineage({ id: "c" })).toMatchObject({ events: [{ id: "c" }], edges: [] });
  });

  test("what is older than the retention goes, by whole partitions; the rest stays", async () => {
    const { database, ledger, query } = await open();
    for (const [id, at] of [
      ["old", NOW - 200 * DAY_MS],
      ["edge", NOW - 89 * DAY_MS],
      ["new", NOW],
    ] as const)
      await ledger.record(event("a", { id }), at);
    expect(await ledger.dropOld(NOW)).toEqual(["events_20250821000000"]);
    expect(await ledger.dropOld(NOW)).toEqual([]);
    expect((await query({ order: "Oldest" })).events.map(({ id }) => id)).toEqual(["edge", "new"]);
    await ledger.record(event("a", { id: "old again" }), NOW - 200 * DAY_MS);
    expect((await query({})).events).toHaveLength(3);
    expect(await database.query("select count(*)::integer as count from partitions")).toEqual([{ count: 3 }]);
  });

  test("migrations run once, also by several at a time, and a newer schema is left alone", async () => {
    const { database, schema } = await open();
    if (kind === "PostgreSQL") {
      const others = await Promise.all([1, 2, 3, 4].map(() => home.open("together")));
      opened.push(...others);
      await Promise.all(others.map((one) => migrate(one, ledgerSchema("together"))));
      expect(await others[0]?.query("select version from migrations")).toEqual([{ version: 1 }]);
    }
    await migrate(database, ledgerSchema(schema));
    const next = ["select 1", "create table further (n integer)"];
    await migrate(database, ledgerSchema(schema, next));
    await migrate(database, ledgerSchema(schema, next));
    expect(await database.query("select version from migrations order by version")).toEqual([
      { version: 1 },
      { version: 2 },
    ]);
    await expect(migrate(database, ledgerSchema(schema))).rejects.toBeInstanceOf(NewerSchema);
  });
});
