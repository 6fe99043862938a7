import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Problem } from "../problem.ts";
import { decodeHeader, readBinary } from "./binary.ts";

const headers = { "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s", "ce-type": "a.b" };
const bytes = (text: string) => Buffer.from(text);

function refused(extra: Record<string, string>, body = ""): Problem {
  try {
    readBinary({ ...headers, ...extra }, bytes(body));
  } catch (error) {
    return error as Problem;
  }
  throw new Error("it was taken");
}

describe("binary mode", () => {
  test("attributes are headers, the body is the data", () => {
    const event = readBinary(
      {
        ...headers,
        "ce-subject": "Euro%20%E2%82%AC%20%F0%9F%98%80",
        "ce-mine": "x",
        "content-type": "application/json",
      },
      bytes('{"a":1}'),
    );
    expect(event).toEqual({
      id: "1",
      source: "/s",
      type: "a.b",
      subject: "Euro € 😀",
      dataContentType: "application/json",
      extensions: { mine: "x" },
      data: { a: 1 },
    });
  });

  test.each([
    { reason: "text", type: "text/plain; charset=utf-8", body: bytes("grüß"), data: "grüß" },
    {
      reason: "text in another charset is bytes",
      type: "text/plain; charset=latin1",
      body: Buffer.from([0xe4]),
      data: Buffer.from([0xe4]),
    },
    { reason: "bytes", type: "image/png", body: Buffer.from([1, 2]), data: Buffer.from([1, 2]) },
    { reason: "no body", type: "application/json", body: bytes(""), data: undefined },
    { reason: "JSON by suffix", type: "application/vnd.x+json", body: bytes("[1]"), data: [1] },
  ])("data: $reason", ({ type, body, data }) => {
    expect(readBinary({ ...headers, "content-type": type }, body).data).toEqual(data);
  });

  test("a body of no type is bytes", () => {
    expect(readBinary(headers, bytes("x"))).toMatchObject({
      dataContentType: "application/octet-stream",
      data: bytes("x"),
    });
  });

  test.each([
    {
      reason: "another version",
      extra: { "ce-specversion": "0.3" },
      code: "UnknownSpecVersion",
      field: "ce-specversion",
    },
    { reason: "empty id", extra: { "ce-id": "" }, code: "InvalidAttribute", field: "ce-id" },
    {
      reason: "a type that is no subject",
      extra: { "ce-type": "a b" },
      code: "InvalidAttribute",
      field: "ce-type",
    },
    {
      reason: "a type with a wildcard",
      extra: { "ce-type": "a.>" },
      code: "InvalidAttribute",
      field: "ce-type",
    },
    { reason: "no time", extra: { "ce-time": "yesterday" }, code: "InvalidAttribute", field: "ce-time" },
    {
      reason: "source is no URI",
      extra: { "ce-source": "a b" },
      code: "InvalidAttribute",
      field: "ce-source",
    },
    {
      reason: "a control character",
      extra: { "ce-subject": "a%0D%0Ab" },
      code: "InvalidAttribute",
      field: "ce-subject",
    },
    {
      reason: "an overlong encoding",
      extra: { "ce-subject": "%C0%A0" },
      code: "InvalidAttribute",
      field: "ce-subject",
    },
    { reason: "a lone %", extra: { "ce-subject": "100%" }, code: "InvalidAttribute", field: "ce-subject" },
    { reason: "not ASCII", extra: { "ce-subject": "é" }, code: "InvalidAttribute", field: "ce-subject" },
    {
      reason: "a name with a dash",
      extra: { "ce-my-name": "x" },
      code: "InvalidAttribute",
      field: "ce-my-name",
    },
    {
      reason: "a name of objects",
      extra: JSON.parse('{"ce-__proto__":"x"}'),
      code: "InvalidAttribute",
      field: "ce-__proto__",
    },
    {
      reason: "two content types",
      extra: { "ce-datacontenttype": "text/plain" },
      code: "InvalidAttribute",
      field: "ce-datacontenttype",
    },
    {
      reason: "lineage",
      extra: { "ce-correlationid": "x" },
      code: "ReservedAttribute",
      field: "ce-correlationid",
    },
    { reason: "identity", extra: { "ce-hops": "1" }, code: "ReservedAttribute", field: "ce-hops" },
    {
      reason: "no trace",
      extra: { "ce-traceparent": "x" },
      code: "InvalidAttribute",
      field: "ce-traceparent",
    },
  ])("refused: $reason", ({ extra, code, field }) => {
    expect(refused(extra)).toMatchObject({ code, field, status: 400 });
  });

  test.each(["specversion", "id", "source", "type"])("%s is required", (name) => {
    const { [`ce-${name}` as keyof typeof headers]: _, ...rest } = headers;
    expect(() => readBinary(rest, bytes(""))).toThrow(
      expect.objectContaining({ code: "MissingAttribute", field: `ce-${name}` }),
    );
  });

  test("JSON that is none", () => {
    expect(refused({ "content-type": "application/json" }, "{").code).toBe("InvalidBody");
  });
});

describe("header values (HTTP binding, section 3.1.3.2)", () => {
  test.each([
    ["plain", "plain"],
    ["Euro%20%e2%82%ac", "Euro €"],
    ['"quoted \\"text\\""', 'quoted "text"'],
    ['"a%20b"', "a b"],
    ["%2541", "%41"],
    ['"', '"'],
  ])("%s", (value, decoded) => {
    expect(decodeHeader(value, "ce-x")).toBe(decoded);
  });

  test("what is encoded as the section says comes back", () => {
    const encode = (text: string) =>
      [...text]
        .map((char) =>
          /[\x21\x23\x24\x26-\x7e]/.test(char) && char !== "%" ? char : encodeURIComponent(char),
        )
        .join("");
    const text = fc.string({ unit: "grapheme" });
    fc.assert(fc.property(text, (value) => expect(decodeHeader(encode(value), "ce-x")).toBe(value)));
  });
});
