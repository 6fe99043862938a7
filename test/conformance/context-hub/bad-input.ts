import { create, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { expect } from "@jest/globals";
import { ContextHubService } from "@vextir/proto/contexthub/v1/context_hub_pb.js";
import { ContentType } from "@vextir/proto/contexthub/v1/documents_pb.js";
import { toldBy } from "./client.ts";
import type { Cases, Tools } from "./suite.ts";

type Note = Parameters<Tools["note"]>[0];
const deep = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

const DOCUMENTS: readonly { reason: string; note: Note; field: string }[] = [
  { reason: "no collection", note: { collection: "" }, field: "document.collection" },
  { reason: "a way up", note: { collection: "../etc/passwd" }, field: "document.collection" },
  { reason: "a way up in the middle", note: { collection: "a/../b" }, field: "document.collection" },
  { reason: "an absolute path", note: { collection: "/a" }, field: "document.collection" },
  { reason: "an empty name", note: { collection: "a//b" }, field: "document.collection" },
  { reason: "too many names", note: { collection: "a/b/c/d/e/f/g/h/i" }, field: "document.collection" },
  { reason: "a name that looks alike", note: { collection: "conformаnce" }, field: "document.collection" },
  { reason: "a line feed at the end", note: { collection: "conformance\n" }, field: "document.collection" },
  { reason: "SQL", note: { collection: "a'; drop table documents; --" }, field: "document.collection" },
  { reason: "a NUL in the title", note: { title: "a\0b" }, field: "document.title" },
  { reason: "a NUL in the content", note: { content: "a\0b" }, field: "document.content" },
  { reason: "a long title", note: { title: "t".repeat(501) }, field: "document.title" },
  { reason: "much content", note: { content: "c".repeat(2 * 1_048_576 + 1) }, field: "document.content" },
  { reason: "a language that nobody knows", note: { language: "xx" }, field: "document.language" },
  { reason: "another type", note: { contentType: 99 as ContentType }, field: "document.content_type" },
  {
    reason: "JSON of 10,000 levels",
    note: { contentType: ContentType.JSON, content: deep(10_000) },
    field: "document.content",
  },
  { reason: "broken JSON", note: { contentType: ContentType.JSON, content: "{" }, field: "document.content" },
  { reason: "much metadata", note: { metadata: { a: "x".repeat(70_000) } }, field: "document.metadata" },
  { reason: "a NUL in the metadata", note: { metadata: { a: { b: "\0" } } }, field: "document.metadata.a.b" },
  { reason: "a NUL in a key", note: { metadata: { "a\0": 1 } }, field: "document.metadata" },
  { reason: "a long user", note: { user: "u".repeat(201) }, field: "document.user" },
  {
    reason: "a time far away",
    note: { expireTime: { seconds: 2n ** 62n, nanos: 0 } },
    field: "document.expire_time",
  },
];

export const badInputCases: Cases = {
  "a document that can't be is refused by its field": async ({ hub, full, note }) => {
    for (const { reason, note: wrong, field } of DOCUMENTS) {
      const told = await toldBy(hub.unary("createDocument", full, { document: note(wrong) }));
      expect({ reason, code: told.code, fields: told.fields }).toEqual({
        reason,
        code: status.INVALID_ARGUMENT,
        fields: [field],
      });
    }
    expect(await toldBy(hub.unary("createDocument", full, {}))).toMatchObject({ fields: ["document"] });
  },

  "text that is not UTF-8 is refused by its field": async ({ hub, full, note }) => {
    const { createDocument } = ContextHubService.method;
    const good = toBinary(
      createDocument.input,
      create(createDocument.input, { document: note({ title: "@@@@" }) }),
    );
    const bad = Buffer.from(good);
    bad.fill(0xff, bad.indexOf("@@@@"), bad.indexOf("@@@@") + 4);
    expect(await toldBy(hub.raw(createDocument, full, bad))).toMatchObject({
      code: status.INVALID_ARGUMENT,
      fields: ["document.title"],
    });
    const told = await toldBy(hub.raw(createDocument, full, Buffer.from([0x0a, 0xff, 0xff])));
    expect(told.code).toBe(status.INVALID_ARGUMENT);
  },

  "a Struct of 10,000 levels is refused": async ({ hub, full }) => {
    // Value{list_value: ListValue{values: [Value …]}}, from the inside out.
    let value = Buffer.from([0x08, 0x00]);
    const wrap = (tag: number, bytes: Buffer) =>
      Buffer.concat([Buffer.from([tag]), varint(bytes.length), bytes]);
    for (let i = 0; i < 10_000; i++) value = wrap(0x32, wrap(0x0a, value));
    const entry = Buffer.concat([Buffer.from([0x0a, 0x01, 0x61]), wrap(0x12, value)]);
    const request = wrap(0x0a, wrap(0x32, wrap(0x0a, entry)));
    const told = await toldBy(hub.raw(ContextHubService.method.createDocument, full, request));
    expect(told.code).toBe(status.INVALID_ARGUMENT);
  },

  "ids, sizes and filters that can't be are refused by their field": async ({ hub, full, user }) => {
    const list = (request: object) => hub.unary("listDocuments", full, request);
    const cases: [string, Promise<unknown>][] = [
      ["id", hub.unary("getDocument", full, { id: "x" })],
      ["id", hub.unary("deleteDocument", full, { id: "' or 1=1 --" })],
      ["page_size", list({ pageSize: 201 })],
      ["page_size", list({ pageSize: -1 })],
      ["filter.collections[1]", list({ filter: { collections: ["a", "a/"] } })],
      ["filter.users[0]", list({ filter: { users: [""] } })],
      ["filter.users", list({ filter: { users: Array.from({ length: 101 }, () => user) } })],
      ["filter.content_types[0]", list({ filter: { contentTypes: [77] } })],
      ["cursor", hub.collect("watch", full, { cursor: "-1" })],
      ["user", hub.unary("erase", full, { user: "" })],
      ["revision", hub.unary("restore", full, { id: "00000000-0000-4000-8000-000000000000" })],
    ];
    for (const [field, call] of cases)
      expect(await toldBy(call)).toMatchObject({ code: status.INVALID_ARGUMENT, fields: [field] });
  },
};

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
