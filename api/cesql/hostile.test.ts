import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { CesqlError, evaluate, missingFunction, parseCesql } from "./index.ts";
import { isLike, likePattern } from "./like.ts";
import { MAX_EXPRESSION, MAX_STEPS } from "./limits.ts";

const words = fc.constantFrom(
  ..."AND OR XOR NOT LIKE IN EXISTS TRUE FALSE type id x 0 1 -1 2147483647 '' 'a%' \"b_\" '\\\\' ( ) , + - * / % = != <> < <= > >= CONCAT( SUBSTRING( LEFT( ABS( INT( UPPER(".split(
    " ",
  ),
);
const soup = fc.array(words, { maxLength: 60 }).map((parts) => parts.join(" "));

/** More of them by VEXTIR_FUZZ_RUNS. */
const RUNS = Number(process.env["VEXTIR_FUZZ_RUNS"] ?? 5_000);

/** Milliseconds of processor time, which other processes don't lengthen. */
function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e3;
}

describe("any text", () => {
  test.each([
    ["of any characters", fc.string({ unit: "binary", maxLength: 300 })],
    ["of the language's words", soup],
  ])("%s is an expression or a parse error, and an expression has a value", (_, texts) => {
    fc.assert(
      fc.property(texts, fc.string(), (text, value) => {
        let parsed: ReturnType<typeof parseCesql>;
        try {
          parsed = parseCesql(text);
        } catch (error) {
          expect(error).toBeInstanceOf(CesqlError);
          expect(error).toMatchObject({ code: "Parse" });
          return;
        }
        const result = evaluate(parsed, (name) => (name === "type" ? value : undefined));
        expect(["string", "number", "boolean"]).toContain(typeof result.value);
        if (missingFunction(parsed) === undefined) expect(result.error?.code).not.toBe("MissingFunction");
      }),
      { numRuns: RUNS },
    );
  });
});

describe("bounds", () => {
  test.each([
    ["parentheses", `${"(".repeat(2_000)}1${")".repeat(2_000)}`],
    ["prefixes", `${"NOT ".repeat(1_000)}TRUE`],
    ["signs", `${"- ".repeat(1_500)}1`],
    ["a chain", Array(400).fill("1").join("+")],
    ["calls", `${"ABS(".repeat(800)}1${")".repeat(800)}`],
    ["sets", `${"1 IN (".repeat(500)}1${")".repeat(500)}`],
    ["a long text", `'${"x".repeat(MAX_EXPRESSION)}'`],
  ])("refused: %s", (_, expression) => {
    expect(() => parseCesql(expression)).toThrow(expect.objectContaining({ code: "Parse" }));
  });

  test("a chain of 200 is fine", () => {
    const parsed = parseCesql(Array(200).fill("id = 'x'").join(" OR "));
    expect(evaluate(parsed, () => "y").value).toBe(false);
  });

  test.each([
    ["LIKE that goes back again and again", `x LIKE '${"%a".repeat(1_900)}b'`],
    ["LIKE with a long tail", `x LIKE '%${"a".repeat(3_900)}b'`],
    ["many LIKEs", Array(150).fill("x LIKE '%aaab%'").join(" OR ")],
    ["long texts of functions", `LENGTH(CONCAT(${Array(1_000).fill("x").join(",")})) > 0`],
    ["functions in functions", `${"UPPER(".repeat(240)}x${")".repeat(240)} = 'a'`],
    ["white space within", "TRIM(CONCAT('a', x, 'b')) = 'a'"],
  ])("ends soon, whatever the event holds: %s", (_, expression) => {
    const parsed = parseCesql(expression);
    for (const text of [
      "a".repeat(1_000_000),
      " ".repeat(1_000_000),
      "a".repeat(60_000),
      "ß".repeat(60_000),
    ]) {
      const ms = cpuMs(() => evaluate(parsed, () => text));
      expect(ms).toBeLessThan(1_000);
    }
  });

  test("what takes too much work is an error", () => {
    const parsed = parseCesql(`x LIKE '%${"a".repeat(3_900)}b'`);
    expect(evaluate(parsed, () => "a".repeat(60_000))).toMatchObject({
      value: false,
      error: { code: "Generic" },
    });
  });
});

test("LIKE says what the regular expression of the pattern says", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "%", "_", "\\", "."), maxLength: 12 });
  fc.assert(
    fc.property(letters, letters, (text, pattern) => {
      const source = pattern.replaceAll(/\\[%_]|./gs, (part) => {
        if (part === "%") return ".*";
        if (part === "_") return ".";
        const character = part.length === 2 ? part.slice(1) : part;
        return /[\\.]/.test(character) ? `\\${character}` : character;
      });
      let steps = 0;
      expect(isLike(text, likePattern(pattern), () => steps++)).toBe(
        new RegExp(`^${source}$`, "s").test(text),
      );
      expect(steps).toBeLessThan(MAX_STEPS);
    }),
    { numRuns: 5_000 },
  );
});
