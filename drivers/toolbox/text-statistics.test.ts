import { describe, expect, test } from "@jest/globals";
import { textStatistics } from "./text-statistics.ts";

describe("textStatistics", () => {
  test.each([
    { reason: "nothing", text: "", words: 0, sentences: 0, paragraphs: 0, characters: 0 },
    { reason: "blank", text: " \n\n ", words: 0, sentences: 0, paragraphs: 0, characters: 4 },
    {
      reason: "one sentence",
      text: "Hello, big world!",
      words: 3,
      sentences: 1,
      paragraphs: 1,
      characters: 17,
    },
    {
      reason: "two paragraphs",
      text: "One. Two.\n\nThree?",
      words: 3,
      sentences: 3,
      paragraphs: 2,
      characters: 17,
    },
    { reason: "graphemes", text: "naïve 👩‍👩‍👧 é", words: 2, sentences: 1, paragraphs: 1, characters: 9 },
  ])("$reason", ({ text, reason: _, ...counts }) => {
    expect(textStatistics({ text, locale: "en" })).toMatchObject(counts);
  });

  test("words of a language without spaces", () => {
    expect(textStatistics({ text: "今日は天気がいいです。", locale: "ja" }).words).toBeGreaterThan(2);
  });

  test("238 words take a minute", () => {
    expect(textStatistics({ text: "word ".repeat(238), locale: "en" }).readingTimeSeconds).toBe(60);
  });

  test("a locale that is none is refused", () => {
    expect(() => textStatistics({ text: "x", locale: "not a tag" })).toThrow(
      expect.objectContaining({ code: "InvalidInput" }),
    );
  });

  test("the longest text stays quick", () => {
    const start = performance.now();
    textStatistics({ text: "lorem ipsum. ".repeat(7_692), locale: "en" });
    expect(performance.now() - start).toBeLessThan(5_000);
  });
});
