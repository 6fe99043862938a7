import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { readPlace, writePlace } from "./trace-context.ts";

const ID = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

describe("what is no trace parent is as if it weren't there", () => {
  const table = [
    { reason: "nothing", text: "" },
    { reason: "no trace", text: `00-${"0".repeat(32)}-${SPAN}-01` },
    { reason: "no span", text: `00-${ID}-${"0".repeat(16)}-01` },
    { reason: "the version that is none", text: `ff-${ID}-${SPAN}-01` },
    { reason: "more than version 00 has", text: `00-${ID}-${SPAN}-01-more` },
    { reason: "upper case", text: `00-${ID.toUpperCase()}-${SPAN}-01` },
    { reason: "white space", text: ` 00-${ID}-${SPAN}-01` },
    { reason: "two", text: `00-${ID}-${SPAN}-01,00-${ID}-${SPAN}-01` },
    { reason: "a line end", text: `00-${ID}-${SPAN}-01\n` },
    { reason: "a later version without end", text: `01-${ID}-${SPAN}-01-${"x".repeat(1_000)}` },
  ];
  test.each(table)("$reason", ({ text }) => {
    expect(readPlace({ traceParent: text })).toBeUndefined();
  });
});

test("a later version is read as far as it is known, and only what is known of its flags", () => {
  expect(readPlace({ traceParent: `cc-${ID}-${SPAN}-fb-what.comes` })).toMatchObject({
    traceId: ID,
    spanId: SPAN,
    traceFlags: 1,
    isRemote: true,
  });
});

test("a state goes on with its parent; one that no header could carry does not", () => {
  const traceParent = `00-${ID}-${SPAN}-01`;
  const through = (traceState: string) => {
    const read = readPlace({ traceParent, traceState });
    return read && writePlace(read);
  };
  expect(through("a=1,b=2")).toEqual({ traceParent, traceState: "a=1,b=2" });
  for (const bad of ["", "a=1\r\nx: y", "ä=1", `a=${"x".repeat(512)}`, "no members"])
    expect(through(bad)).toEqual({ traceParent });
  expect(readPlace({ traceState: "a=1" })).toBeUndefined();
});

test("whatever is said: nothing is thrown, and what is read is written the same", () => {
  const part = fc.oneof(
    fc.constantFrom("00", "01", "ff", ID, SPAN, "-", "\r\n"),
    fc.string({ maxLength: 40 }),
  );
  const text = fc.array(part, { maxLength: 8 }).map((parts) => parts.join("-"));
  fc.assert(
    fc.property(text, fc.string({ maxLength: 600 }), (traceParent, traceState) => {
      const read = readPlace({ traceParent, traceState });
      if (!read) return;
      const written = writePlace(read);
      expect(written.traceParent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/);
      expect(readPlace(written)).toMatchObject({ traceId: read.traceId, spanId: read.spanId });
      expect(written.traceState ?? "").toMatch(/^[\x20-\x7e]{0,512}$/);
    }),
    { numRuns: 2_000 },
  );
});
