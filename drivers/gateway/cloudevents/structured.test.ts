import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Problem } from "../problem.ts";
import { readBatch, readStructured } from "./structured.ts";

const event = { specversion: "1.0", id: "1", source: "/s", type: "a.b" };
const read = (value: unknown) =>
  readStructured(Buffer.from(typeof value === "string" ? value : JSON.stringify(value)));

describe("structured mode", () => {
  test("every member finds its place", () => {
    const time = "2026-01-15T12:00:00+01:00";
    expect(
      read({
        ...event,
        subject: "s",
        time,
        datacontenttype: "application/json",
        dataschema: "https://example.com/schema",
        partitionkey: "k",
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        mine: true,
        count: 3,
        nothing: null,
        data: { a: [1] },
      }),
    ).toEqual({
      id: "1",
      source: "/s",
      type: "a.b",
      subject: "s",
      time,
      dataContentType: "application/json",
      dataSchema: "https://example.com/schema",
      partitionKey: "k",
      traceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
      extensions: { mine: true, count: 3 },
      data: { a: [1] },
    });
  });

  test.each([
    { reason: "null is a value", members: { data: null }, data: null },
    { reason: "text", members: { data: "<a/>", datacontenttype: "application/xml" }, data: "<a/>" },
    { reason: "text in Base64", members: { data_base64: "aGk=", datacontenttype: "text/plain" }, data: "hi" },
    { reason: "JSON in Base64", members: { data_base64: "WzFd" }, data: [1] },
    {
      reason: "bytes",
      members: { data_base64: "AAE=", datacontenttype: "image/png" },
      data: Buffer.from([0, 1]),
    },
    { reason: "absent", members: {}, data: undefined },
  ])("data: $reason", ({ members, data }) => {
    expect(read({ ...event, ...members }).data).toEqual(data);
  });

  test("numbers keep their digits", () => {
    const data = '{"id":12345678901234567890,"price":1.10,"small":1e-400,"text":"1e5"}';
    const { data: found } = read(`{"specversion":"1.0","id":"1","source":"/s","type":"a.b","data":${data}}`);
    expect(JSON.stringify(found)).toBe(data);
  });

  test.each([
    { reason: "no JSON", body: "{", code: "InvalidBody" },
    { reason: "an array", body: "[]", code: "InvalidBody" },
    { reason: "nothing", body: "", code: "InvalidBody" },
    { reason: "nested without end", body: "[".repeat(100_000), code: "InvalidBody" },
    {
      reason: "deep data",
      body: { ...event, data: JSON.parse(`${"[".repeat(300)}${"]".repeat(300)}`) },
      code: "InvalidBody",
    },
    {
      reason: "no version",
      body: { ...event, specversion: undefined },
      code: "MissingAttribute",
      field: "specversion",
    },
    {
      reason: "a version that is null",
      body: { ...event, specversion: null },
      code: "MissingAttribute",
      field: "specversion",
    },
    {
      reason: "another version",
      body: { ...event, specversion: "2.0" },
      code: "UnknownSpecVersion",
      field: "specversion",
    },
    { reason: "id is a number", body: { ...event, id: 1 }, code: "InvalidAttribute", field: "id" },
    {
      reason: "a name in capitals",
      body: { ...event, MyName: 1 },
      code: "InvalidAttribute",
      field: "MyName",
    },
    {
      reason: "an attribute that is an object",
      body: { ...event, mine: {} },
      code: "InvalidAttribute",
      field: "mine",
    },
    { reason: "a fraction", body: { ...event, mine: 1.5 }, code: "InvalidAttribute", field: "mine" },
    {
      reason: "two kinds of data",
      body: { ...event, data: 1, data_base64: "" },
      code: "InvalidAttribute",
      field: "data_base64",
    },
    {
      reason: "no Base64",
      body: { ...event, data_base64: "a?b=" },
      code: "InvalidAttribute",
      field: "data_base64",
    },
    {
      reason: "an object as XML",
      body: { ...event, datacontenttype: "text/xml", data: {} },
      code: "InvalidAttribute",
      field: "data",
    },
    {
      reason: "a lone surrogate",
      body: `{"specversion":"1.0","id":"\\ud800","source":"/s","type":"a.b"}`,
      code: "InvalidAttribute",
      field: "id",
    },
    {
      reason: "lineage",
      body: { ...event, causationid: "x" },
      code: "ReservedAttribute",
      field: "causationid",
    },
  ])("refused: $reason", ({ body, code, field }) => {
    expect(() => read(body)).toThrow(expect.objectContaining({ code, field }));
  });

  test("not UTF-8", () => {
    expect(() => readStructured(Buffer.from([0x22, 0xff, 0x22]))).toThrow(
      expect.objectContaining({ code: "InvalidBody" }),
    );
  });

  test("whatever comes is an event or a problem", () => {
    const value = fc.record(
      {
        specversion: fc.constantFrom("1.0", "1.0", "1.0", "0.3", 1),
        id: fc.oneof(fc.constant("1"), fc.jsonValue()),
        source: fc.oneof(fc.webUrl(), fc.string()),
        type: fc.oneof(fc.constant("a.b"), fc.string()),
        time: fc.oneof(fc.constant("2026-01-01T00:00:00Z"), fc.string()),
        datacontenttype: fc.oneof(fc.constantFrom("application/json", "text/plain"), fc.string()),
        data: fc.jsonValue(),
        data_base64: fc.oneof(fc.base64String(), fc.jsonValue()),
      },
      { requiredKeys: ["specversion", "id", "source", "type"] },
    );
    const body = fc.oneof(
      value,
      fc.jsonValue(),
      fc.tuple(value, fc.dictionary(fc.string(), fc.jsonValue())).map(([a, b]) => ({ ...b, ...a })),
    );
    fc.assert(
      fc.property(body, (input) => {
        try {
          const found = read(JSON.stringify(input));
          expect(found.id.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("batch mode", () => {
  const batch = (value: unknown, max = 10) => readBatch(Buffer.from(JSON.stringify(value)), max);

  test("entries are read one by one", () => {
    const entries = batch([event, { ...event, specversion: "0.3" }, 1]);
    expect(entries).toEqual([
      expect.objectContaining({ id: "1" }),
      expect.objectContaining({ code: "UnknownSpecVersion" }),
      expect.objectContaining({ code: "InvalidBody" }),
    ]);
  });

  test("an empty one is one", () => expect(batch([])).toEqual([]));
  test("an event alone is none", () =>
    expect(() => batch(event)).toThrow(expect.objectContaining({ code: "InvalidBody" })));
  test("too many", () => expect(() => batch([1, 2], 1)).toThrow(expect.objectContaining({ status: 413 })));
});
