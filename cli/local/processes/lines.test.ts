import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { LineSplitter, MAX_LINE } from "./lines.ts";

function split(chunks: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(chunk);
  splitter.end();
  return lines;
}

test("however the bytes are cut, the lines are the same", () => {
  const text = fc.array(
    fc.string({ unit: "grapheme", maxLength: 20 }).filter((line) => !/[\n\r]/.test(line)),
  );
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 7 }), (lines, size) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(""));
      const chunks = [];
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
      expect(split(chunks)).toEqual(lines);
    }),
  );
});

test("a line without an end is cut and what is left out is counted", () => {
  const lines = split([Buffer.alloc(MAX_LINE, "a"), Buffer.alloc(5, "b"), Buffer.from("\nnext")]);
  expect(lines).toEqual([`${"a".repeat(MAX_LINE)}… (5 more characters)`, "next"]);
});

test("an end of line as Windows writes it", () => {
  expect(split([Buffer.from("a\r\nb\r\n")])).toEqual(["a", "b"]);
});
