import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { JsonLines, LineError } from "./json-lines.ts";

function parse(bytes: Buffer, cuts: readonly number[], maxBytes = 1_000_000): unknown[] {
  const values: unknown[] = [];
  const lines = new JsonLines(maxBytes, (value) => values.push(value));
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  for (const [i, from] of places.entries()) lines.push(bytes.subarray(from, places[i + 1] ?? bytes.length));
  return values;
}

test("wherever the stream is cut, the same values come out in order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.jsonValue({ stringUnit: "binary" })),
      fc.array(fc.nat(), { maxLength: 20 }),
      (values, cuts) => {
        const written = values.map((value) => `${JSON.stringify(value)}\n`);
        const expected = written.map((line) => JSON.parse(line));
        expect(parse(Buffer.from(written.join("")), cuts)).toEqual(expected);
      },
    ),
  );
});

const refused: { reason: string; text: string }[] = [
  { reason: "no JSON", text: "{}\n{oops\n" },
  { reason: "a line without end", text: "x".repeat(101) },
  { reason: "a long line in pieces", text: `"${"y".repeat(120)}"\n` },
];
for (const { reason, text } of refused) {
  test(`refuses ${reason}`, () => {
    expect(() => parse(Buffer.from(text), [7, 50, 90], 100)).toThrow(LineError);
  });
}

test("blank lines are skipped, an unfinished one waits", () => {
  expect(parse(Buffer.from('\n{"a":1}\r\n\n{"b":'), [])).toEqual([{ a: 1 }]);
});
