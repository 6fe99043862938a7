import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { questionOf } from "./question.ts";

test.each([
  {
    reason: "a sentence",
    text: "When is the heating repaired?",
    question: "when or the or heating or repaired",
  },
  { reason: "a word twice", text: "Owls, owls!", question: "owls" },
  { reason: "numbers", text: "Room 12b, at 7", question: "room or 12" },
  { reason: "a phrase", text: '"heating repair" monday', question: '"heating repair" monday' },
  { reason: "an exclusion", text: "heating -water", question: "heating -water" },
  { reason: "a beginning", text: "heat*", question: "heat*" },
  { reason: "alternatives", text: "heating or chimney", question: "heating or chimney" },
  { reason: "nothing to look for", text: "?! … ok", question: undefined },
])("$reason", ({ text, question }) => {
  expect(questionOf(text)).toBe(question);
});

test("never longer than the hub takes, whatever is said", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 5_000, size: "max" }), (text) => {
      expect((questionOf(text) ?? "").length).toBeLessThanOrEqual(1_000);
    }),
  );
});
