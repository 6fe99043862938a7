import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { chunksOf } from "./chunks.ts";

const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const gap = fc.constantFrom(" ", " ", " ", ". ", "\n", "\n\n", "\n\n# ", "");
const prose = fc
  .array(fc.tuple(word, gap), { maxLength: 1_500 })
  .map((pieces) => pieces.map((piece) => piece.join("")).join(""));

test("parts are where they say, in order, small enough, and leave out nothing but white space", () => {
  fc.assert(
    fc.property(prose, (text) => {
      const points = [...text];
      let last = 0;
      for (const { start, end, text: part } of chunksOf(text)) {
        expect(start).toBeGreaterThanOrEqual(last);
        expect(points.slice(last, start).join("").trim()).toBe("");
        expect(points.slice(start, end).join("")).toBe(part);
        expect(part.length).toBeLessThanOrEqual(1_600);
        last = end;
      }
      expect(points.slice(last).join("").trim()).toBe("");
    }),
    { numRuns: 60 },
  );
});

test.each([
  { reason: "nothing", text: "", count: 0 },
  { reason: "white space", text: " \n ", count: 0 },
  { reason: "one word that never ends", text: "a".repeat(4_000), count: 3 },
  { reason: "pairs of surrogates that never end", text: "🦉".repeat(2_000), count: 3 },
])("$reason gives $count parts", ({ text, count }) => {
  const chunks = chunksOf(text);
  expect(chunks).toHaveLength(count);
  expect(chunks.map((chunk) => chunk.text).join("")).toBe(text.trim());
});

test("splits before a heading rather than within a section", () => {
  const section = (name: string) => `# ${name}\n${"Some words of it. ".repeat(40)}\n`;
  const chunks = chunksOf(section("One") + section("Two") + section("Three"));
  expect(chunks.map(({ text }) => text.slice(0, 4))).toEqual(["# On", "# Th"]);
});
