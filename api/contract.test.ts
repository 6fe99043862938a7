import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  CloudEvent,
  canonicalJson,
  consumerName,
  DriverSpec,
  durationMs,
  Manifest,
  manifestHash,
  PARTITIONS,
  parseEventSubject,
  partitionOf,
  quantityBytes,
  subjects,
} from "./index.ts";

const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?$/);

describe("subjects", () => {
  test("what is written is read back", () => {
    const type = fc.stringMatching(/^[A-Za-z0-9_-]{1,6}(\.[A-Za-z0-9_-]{1,6}){0,3}$/);
    fc.assert(
      fc.property(label, fc.integer({ min: 0, max: PARTITIONS - 1 }), type, (publisher, partition, t) => {
        expect(parseEventSubject(subjects.event(publisher, partition, t))).toEqual({
          publisher,
          partition,
          type: t,
        });
      }),
    );
  });

  test.each([
    "evt",
    "evt.a",
    "evt.a.1",
    "evt.a.x.t",
    "run.a.1.t",
    "evt..1.t",
    "evt.a.64.t",
    "evt.a.1.t.>",
    "evt.a.1.*",
    "",
  ])("%p is no event's subject", (s) => {
    expect(parseEventSubject(s)).toBeUndefined();
  });

  test("a key's partition is stable across releases", () => {
    expect([partitionOf(""), partitionOf("user-1"), partitionOf("é")]).toEqual([2, 36, 62]);
  });

  test("no two pairs of driver and subscription share a consumer", () => {
    fc.assert(
      fc.property(label, label, label, label, (a, b, c, d) => {
        expect(consumerName(a, b) === consumerName(c, d)).toBe(a === c && b === d);
      }),
    );
  });
});

describe("units", () => {
  test.each([
    ["30s", 30_000],
    ["1m30s", 90_000],
    ["250ms", 250],
    ["1.5h", 5_400_000],
  ])("%s is %d ms", (text, ms) => expect(durationMs(text)).toBe(ms));
  test.each(["", "30", "s", "1d", "-1s", "1s "])("%p is no duration", (text) => {
    expect(() => durationMs(text)).toThrow(RangeError);
  });
  test.each([
    ["1Ki", 1024],
    ["20Gi", 20 * 2 ** 30],
    ["7", 7],
  ])("%s is %d bytes", (text, bytes) => expect(quantityBytes(text)).toBe(bytes));
  test.each(["", "1K", "1.5Gi", "-1"])("%p is no quantity", (text) => {
    expect(() => quantityBytes(text)).toThrow(RangeError);
  });
});

describe("manifest", () => {
  const manifest = Manifest.parse({ name: "a", version: "1", class: "Tool", methods: [{ name: "m" }] });
  test("its hash doesn't depend on the order of keys, but on every value", () => {
    const reversed = Object.fromEntries(Object.entries(manifest).reverse()) as Manifest;
    expect(manifestHash(reversed)).toBe(manifestHash(manifest));
    expect(manifestHash({ ...manifest, version: "2" })).not.toBe(manifestHash(manifest));
  });
  test("canonical JSON is JSON of the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) =>
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value))),
      ),
    );
  });
});

describe("CloudEvent", () => {
  const event = { specversion: "1.0", id: "1", source: "/a", type: "a.b" };
  const table = [
    { reason: "the four required attributes", add: {}, ok: true },
    { reason: "an extension", add: { userid: "u" }, ok: true },
    { reason: "another version", add: { specversion: "0.3" }, ok: false },
    { reason: "an upper-case attribute", add: { userId: "u" }, ok: false },
    { reason: "an extension that is an object", add: { extra: {} }, ok: false },
    { reason: "data twice", add: { data: 1, data_base64: "AA==" }, ok: false },
    { reason: "a time that is none", add: { time: "yesterday" }, ok: false },
    { reason: "an empty id", add: { id: "" }, ok: false },
  ];
  test.each(table)("$reason", ({ add, ok }) =>
    expect(CloudEvent.safeParse({ ...event, ...add }).success).toBe(ok),
  );
});

test("a Driver's defaults are filled in", () => {
  const spec = DriverSpec.parse({ class: "Tool", module: "toolbox", subscriptions: [{ types: ["a.b"] }] });
  expect(spec).toMatchObject({
    replicas: 1,
    capabilities: { publish: [], state: false },
    subscriptions: [
      { name: "default", ordering: "None", delivery: { ackWait: "30s", maxDeliver: 5, deadLetter: true } },
    ],
  });
});
