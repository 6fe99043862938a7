import { describe, expect, test } from "@jest/globals";
import { configProblems } from "./config-check.ts";
import { TimeLimitError } from "./time-limit.ts";

const schema = {
  $schema: "https://json-schema.org/draft/2020-12/schema",
  type: "object",
  properties: {
    tone: { enum: ["kind", "curt"] },
    limit: { type: "number", maximum: 9 },
    key: { type: "string" },
  },
  required: ["limit"],
  additionalProperties: false,
};

describe("a configuration", () => {
  const table: { reason: string; config: object; secrets?: string[]; problems: string[] }[] = [
    { reason: "fits", config: { limit: 1, tone: "kind" }, problems: [] },
    { reason: "lacks a key", config: {}, problems: ["config must have required property 'limit'"] },
    { reason: "lacks a key that a Secret fills", config: {}, secrets: ["limit"], problems: [] },
    {
      reason: "has a value that a Secret replaces",
      config: { limit: "x" },
      secrets: ["limit"],
      problems: [],
    },
    {
      reason: "has values that are not allowed",
      config: { limit: 10, tone: "rude" },
      problems: [
        "config.tone must be equal to one of the allowed values (kind, curt)",
        "config.limit must be <= 9",
      ],
    },
    {
      reason: "has a key that nobody knows",
      config: { limit: 1, color: "red" },
      problems: ["config must NOT have additional properties (color)"],
    },
  ];
  test.each(table)("$reason", ({ config, secrets = [], problems }) => {
    expect(configProblems(schema, config as Record<string, unknown>, secrets).sort()).toEqual(
      problems.sort(),
    );
  });
});

describe("a schema of a stranger", () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [
      `d${n}`,
      { allOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] },
    ]),
  );
  const table: { reason: string; schema: Record<string, unknown>; config?: object }[] = [
    { reason: "refers to itself without end", schema: { $ref: "#" } },
    { reason: "refers to what is not there", schema: { $ref: "#/nowhere" } },
    { reason: "is none", schema: { type: "thing" } },
    {
      reason: "backtracks for ever",
      schema: { properties: { a: { pattern: "^(a+)+$" } } },
      config: { a: `${"a".repeat(40)}!` },
    },
    {
      reason: "multiplies itself",
      schema: { $defs: { ...doubling, d40: { minProperties: 0 } }, $ref: "#/$defs/d0" },
    },
  ];
  test.each(table)("that $reason is told, and soon", ({ schema, config = {} }) => {
    const began = performance.now();
    let problems: string[] | unknown;
    try {
      problems = configProblems(schema, config as Record<string, unknown>, []);
    } catch (error) {
      problems = error;
    }
    if (problems instanceof Error) expect(problems).toBeInstanceOf(TimeLimitError);
    else expect(problems).toHaveLength(1);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
