import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { understand } from "./intents.ts";

describe("understand", () => {
  test.each([
    ["What time is it in Tokyo?", { kind: "time", zone: "Tokyo" }],
    ["time in Europe/Berlin", { kind: "time", zone: "Europe/Berlin" }],
    ["Tell me the current time in New  York, right now!", { kind: "time", zone: "New York" }],
    ["what's the time", { kind: "time", zone: "UTC" }],
    ["convert 5 miles to km", { kind: "convert", value: 5, from: "miles", to: "km" }],
    ["Please convert -40°C into Fahrenheit.", { kind: "convert", value: -40, from: "°C", to: "Fahrenheit" }],
    ["1,250.5 fl oz in ml", { kind: "convert", value: 1250.5, from: "fl oz", to: "ml" }],
    ["2,5 kg to lb", { kind: "convert", value: 2.5, from: "kg", to: "lb" }],
    ["How many km are 3 miles?", { kind: "convert", value: 3, from: "miles", to: "km" }],
    ['count the words in "to be or not to be"', { kind: "count", text: "to be or not to be" }],
    [
      "how many characters has “what time is it in Rome?”",
      { kind: "count", text: "what time is it in Rome?" },
    ],
    ["What's the count of words in 'a b'?", { kind: "count", text: "a b" }],
    ["count words: one two\nthree", { kind: "count", text: "one two\nthree" }],
    ["hello there", { kind: "help" }],
    ["what can you do?", { kind: "help" }],
    ["sing me a song", { kind: "unknown" }],
    ["", { kind: "unknown" }],
  ])("%s", (message, intent) => {
    expect(understand(message)).toEqual(intent);
  });

  test("a long text to count is taken whole", () => {
    const text = "word ".repeat(1_000);
    expect(understand(`count the words in "${text}"`)).toEqual({ kind: "count", text });
  });

  test("any message is understood somehow, quickly", () => {
    const pieces = fc.constantFrom(
      "in ",
      "time ",
      "5 ",
      "to ",
      "how many ",
      "is ",
      '"',
      "count ",
      "?",
      ",",
      "\n",
      "é",
    );
    const message = fc.oneof(
      fc.string({ maxLength: 8_000 }),
      fc.array(pieces, { maxLength: 2_000 }).map((p) => p.join("")),
    );
    fc.assert(
      fc.property(message, (text) => {
        const start = performance.now();
        expect(understand(text).kind).toBeDefined();
        expect(performance.now() - start).toBeLessThan(500);
      }),
    );
  });
});
