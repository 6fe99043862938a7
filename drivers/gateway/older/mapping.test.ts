import { describe, expect, test } from "@jest/globals";
import { CloudEvent } from "@vextir/driver-runtime";
import fc from "fast-check";
import { parseJson } from "../cloudevents/json.ts";
import { Problem } from "../problem.ts";
import { fromOlder, toOlder } from "./mapping.ts";
import { OlderEventError } from "./older-event.ts";
import { readOlder } from "./read.ts";

const usual = {
  id: "1",
  timestamp: "2025-03-01T08:00:00.123456+00:00",
  source: "GmailConnector",
  type: "email.received",
  userID: "ada",
  metadata: { subject: "hello" },
  history: [],
};
const fresh = () => "fresh";
/** More of them by VEXTIR_FUZZ_RUNS. */
const RUNS = Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 2_000);

describe("an older event as a CloudEvent", () => {
  test("the usual one, without a trace of the older form", () => {
    const event = fromOlder(usual, fresh);
    expect(event).toEqual({
      specversion: "1.0",
      id: "1",
      time: usual.timestamp,
      source: "GmailConnector",
      type: "email.received",
      userid: "ada",
      data: { subject: "hello" },
    });
    expect(toOlder(event)).toEqual(usual);
  });

  test.each<{ reason: string; change: object; event: object }>([
    { reason: "the other spelling", change: { userID: undefined, user_id: "bob" }, event: { userid: "bob" } },
    { reason: "both spellings", change: { user_id: "ada" }, event: { userid: "ada" } },
    { reason: "a user's number", change: { userID: 17 }, event: { userid: "17" } },
    { reason: "no id", change: { id: undefined }, event: { id: "fresh" } },
    { reason: "an id that is a number", change: { id: 4 }, event: { id: "4" } },
    {
      reason: "no zone",
      change: { timestamp: "2025-03-01T08:00:00.5" },
      event: { time: "2025-03-01T08:00:00.5Z" },
    },
    {
      reason: "a blank",
      change: { timestamp: "2025-03-01 08:00:00" },
      event: { time: "2025-03-01T08:00:00Z" },
    },
    { reason: "seconds", change: { timestamp: 1_740_816_000 }, event: { time: "2025-03-01T08:00:00.000Z" } },
    {
      reason: "milliseconds",
      change: { timestamp: 1_740_816_000_000 },
      event: { time: "2025-03-01T08:00:00.000Z" },
    },
    { reason: "a source with a blank", change: { source: "my mail" }, event: { source: "my%20mail" } },
    { reason: "no source", change: { source: "" }, event: { source: "urn:vextir:source:unknown" } },
    { reason: "no metadata", change: { metadata: undefined }, event: {} },
    { reason: "metadata that is null", change: { metadata: null }, event: { data: null } },
    { reason: "metadata that is a list", change: { metadata: [1] }, event: { data: [1] } },
    { reason: "no history", change: { history: undefined }, event: {} },
    { reason: "members of its own", change: { priority: "high", "": 1 }, event: {} },
  ])("$reason", ({ change, event }) => {
    const older = JSON.parse(JSON.stringify({ ...usual, ...change }));
    const mapped = fromOlder(older, fresh);
    expect(mapped).toMatchObject(event);
    expect(toOlder(JSON.parse(JSON.stringify(mapped)))).toEqual({ id: "fresh", ...older });
  });

  test("a history goes with the data, which stays what it was for who reads it", () => {
    const history = Array.from({ length: 30 }, (_, n) => ({ ...usual, id: String(n) }));
    const older = { ...usual, history };
    const event = fromOlder(older, fresh);
    expect(event["data"]).toMatchObject({ subject: "hello" });
    expect(toOlder(event)).toEqual(older);
    expect(toOlder({ ...event, correlationid: "c" })).toEqual({
      ...older,
      cloudevent: { correlationid: "c" },
    });
  });

  test.each<{ change: object; field: string }>([
    { change: { type: "a b" }, field: "type" },
    { change: { type: undefined }, field: "type" },
    { change: { source: 1 }, field: "source" },
    { change: { timestamp: undefined }, field: "timestamp" },
    { change: { timestamp: "yesterday" }, field: "timestamp" },
    { change: { timestamp: "2025-02-30T00:00:00Z" }, field: "timestamp" },
    { change: { timestamp: "2025-03-01T25:00:00Z" }, field: "timestamp" },
    { change: { timestamp: 1e300 }, field: "timestamp" },
    { change: { userID: {} }, field: "userID" },
    { change: { id: "x".repeat(257) }, field: "id" },
    { change: { id: { n: 1 } }, field: "id" },
    { change: { user_id: "bob" }, field: "user_id" },
  ])("refused: $change", ({ change, field }) => {
    expect(() => fromOlder({ ...usual, ...change }, fresh)).toThrow(OlderEventError);
    expect(() => fromOlder({ ...usual, ...change }, fresh)).toThrow(expect.objectContaining({ field }));
  });
});

const json = fc.jsonValue({ maxDepth: 3 });
const attributeText = fc
  .string({ minLength: 1, maxLength: 60 })
  .filter((text) => !/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(text));
const type = fc.constantFrom("email.received", "a", "a.b_c.d-e");
const attributeName = fc.constantFrom(
  "subject",
  "hops",
  "correlationid",
  "mine",
  "olderform",
  "partitionkey",
);
const residue = fc.constantFrom(
  "x",
  "{}",
  '{"set":{},"absent":[]}',
  '{"set":{},"absent":["id"]}',
  '{"set":{"id":7},"absent":["history"]}',
  '{"set":{"source":"other"},"absent":[]}',
  '{"set":{"__proto__":1,"metadata":2},"absent":["metadata"]}',
);

/** A JSON text read again: what a property says must hold for what went over the wire. */
const wire = <T>(value: T): T => JSON.parse(JSON.stringify(value));

describe("nothing is lost", () => {
  const older = fc
    .record(
      {
        id: fc.oneof(attributeText, fc.integer()),
        timestamp: fc.oneof(
          fc.constantFrom(usual.timestamp, "2025-03-01T08:00:00", "2025-03-01 08:00:00.1234567891+0100"),
          fc.integer({ min: 0, max: 2_000_000_000 }),
        ),
        source: fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constant("x".repeat(2_000))),
        type,
        userID: fc.oneof(attributeText, fc.constantFrom(null, "", 3)),
        metadata: fc.oneof(json, fc.record({ $older: json, $$older: json }, { requiredKeys: [] })),
        history: fc.oneof(json, fc.constantFrom([], ["x".repeat(3_000)], Array(40).fill(usual))),
        cloudevent: fc.oneof(
          json,
          fc.dictionary(attributeName, fc.oneof(residue, fc.integer(), fc.boolean())),
        ),
        more: json,
      },
      { requiredKeys: ["timestamp", "source", "type"] },
    )
    .map(wire);

  test("older -> CloudEvent -> older", () => {
    fc.assert(
      fc.property(older, (original) => {
        const event = wire(fromOlder(original, fresh));
        const { data, ...attributes } = event as Record<string, unknown>;
        expect(CloudEvent.safeParse(attributes).error?.issues ?? []).toEqual([]);
        expect(toOlder(event)).toEqual({ id: "fresh", ...original });
        const onTheBus = { ...event, partitionkey2: "k" };
        expect(toOlder(fromOlder(toOlder(onTheBus), fresh))).toEqual(toOlder(onTheBus));
        expect(data === undefined || "metadata" in original || "$older" in (data as object)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  test("CloudEvent -> older -> CloudEvent", () => {
    const isCloudEvent = ({ data: _, ...attributes }: Record<string, unknown>) =>
      CloudEvent.safeParse(attributes).success;
    const event = fc
      .record(
        {
          specversion: fc.constant("1.0"),
          id: attributeText,
          source: fc.constantFrom("/x", "https://a.example/b%20c", "GmailConnector", "ä"),
          type,
          time: fc.constantFrom("2025-03-01T08:00:00Z", "2025-03-01T08:00:00.123456789+01:00"),
          userid: attributeText,
          data: fc.oneof(
            json,
            fc.record({
              $older: fc.oneof(
                json,
                residue.map((text) => (text === "x" ? 1 : JSON.parse(text))),
              ),
              a: json,
            }),
          ),
          more: fc.dictionary(attributeName, fc.oneof(residue, attributeText, fc.integer(), fc.boolean())),
        },
        { requiredKeys: ["specversion", "id", "source", "type", "more"] },
      )
      .map(({ more, ...attributes }) => wire({ ...more, ...attributes }))
      .filter(isCloudEvent);
    fc.assert(
      fc.property(event, (original) => {
        expect(fromOlder(wire(toOlder(original)), fresh)).toEqual(original);
      }),
      { numRuns: 2_000 },
    );
  });

  test("numbers longer than a double", () => {
    const text =
      '{"id":"1","timestamp":1740816000.1234567,"source":"x","type":"a","history":[],"metadata":{"n":12345678901234567890},"more":1.00000000000000000001}';
    const parse = (json: string) => parseJson(Buffer.from(json), "it") as Record<string, unknown>;
    const event = parse(JSON.stringify(fromOlder(parse(text), fresh)));
    expect(event["time"]).toBe("2025-03-01T08:00:00.123Z");
    expect(JSON.stringify(toOlder(event))).toBe(
      JSON.stringify(
        parse(
          '{"id":"1","source":"x","type":"a","metadata":{"n":12345678901234567890},"history":[],"timestamp":1740816000.1234567,"more":1.00000000000000000001}',
        ),
      ),
    );
  });

  test("bytes", () => {
    const event = {
      specversion: "1.0",
      id: "1",
      source: "/x",
      type: "a",
      data_base64: "AQI=",
      datacontenttype: "image/png",
    };
    expect(toOlder(event)).toEqual({
      id: "1",
      source: "/x",
      type: "a",
      history: [],
      cloudevent: { data_base64: "AQI=", datacontenttype: "image/png" },
    });
    expect(fromOlder(toOlder(event), fresh)).toEqual(event);
  });
});

test("any JSON object is mapped or refused", () => {
  const members = fc.constantFrom(
    "id",
    "timestamp",
    "source",
    "type",
    "userID",
    "user_id",
    "metadata",
    "history",
    "cloudevent",
    "__proto__",
  );
  fc.assert(
    fc.property(fc.dictionary(members, fc.oneof(json, type, fc.integer())), (object) => {
      try {
        fromOlder(wire(object), fresh);
      } catch (error) {
        expect(error).toBeInstanceOf(OlderEventError);
      }
    }),
    { numRuns: RUNS },
  );
});

test("any body is read or refused with a problem of the client's", () => {
  const pieces = fc.constantFrom(
    ...'{ } [ ] : , "id" "type" "a.b" "timestamp" 1e400 12345678901234567890 "source" "cloudevent" "metadata" null \\ \u0000 \ud800'.split(
      " ",
    ),
  );
  const body = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.array(pieces, { maxLength: 30 }).map((parts) => Buffer.from(parts.join(""))),
    fc.json({ maxDepth: 2 }).map((text) => Buffer.from(text)),
  );
  fc.assert(
    fc.property(body, (bytes) => {
      try {
        readOlder(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(Problem);
        expect((error as Problem).status).toBeLessThan(500);
      }
    }),
    { numRuns: RUNS },
  );
});
