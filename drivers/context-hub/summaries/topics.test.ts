import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { topicsOf } from "./topics.ts";

test("the words of titles, or of beginnings, each once, after what is asked", () => {
  const documents = [
    { title: "Owls of the barn", content: "x" },
    { title: "", content: `owls -hunt "at night ${"and sleep by day ".repeat(20)}` },
  ];
  expect(topicsOf(documents, undefined)).toBe("Owls the barn hunt night and sleep day");
  expect(topicsOf(documents, "What lives here?")).toBe(
    "What lives here? Owls the barn hunt night and sleep day",
  );
});

test("never more than the hub takes, and no syntax, whatever documents say", () => {
  const document = fc.record({
    title: fc.string({ unit: "binary" }),
    content: fc.string({ unit: "binary" }),
  });
  fc.assert(
    fc.property(fc.array(document, { maxLength: 50 }), (documents) => {
      const topics = topicsOf(documents, undefined);
      expect(topics.length).toBeLessThanOrEqual(900);
      expect(topics).toMatch(/^[\p{L}\p{M}\p{N} ]*$/u);
    }),
  );
});
