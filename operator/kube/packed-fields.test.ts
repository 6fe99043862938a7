import { expect, test } from "@jest/globals";
import { pack, unpack } from "./packed-fields.ts";

const object = (name: string, ...uids: string[]) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name,
    ownerReferences: uids.map((uid) => ({ apiVersion: "v1", kind: "ConfigMap", name: "owner", uid })),
  },
});
const fields = (...uids: string[]) => ({
  "f:data": {},
  "f:metadata": { "f:ownerReferences": Object.fromEntries(uids.map((uid) => [`k:{"uid":"${uid}"}`, {}])) },
});

test("objects that differ in their owners share one text, and each gets its own fields back", () => {
  const a = object("a", "uid-1", "uid-2");
  const b = object("b", "uid-3", "uid-4");
  const packed = pack(fields("uid-1", "uid-2"), a);
  expect(pack(fields("uid-3", "uid-4"), b)).toBe(packed);
  expect(unpack(packed, a)).toEqual(fields("uid-1", "uid-2"));
  expect(unpack(packed, b)).toEqual(fields("uid-3", "uid-4"));
});

test("an owner that is not ours stays as it is", () => {
  expect(unpack(pack(fields("uid-9"), object("a")), object("a"))).toEqual(fields("uid-9"));
});
