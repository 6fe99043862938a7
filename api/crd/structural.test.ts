import { describe, expect, test } from "@jest/globals";
import { z } from "zod";
import { structural } from "./structural.ts";

describe("structural schemas", () => {
  const table: { reason: string; schema: z.ZodType; want: object }[] = [
    {
      reason: "what has a default may be left out, objects too",
      schema: z.object({ a: z.object({ b: z.int().max(9).default(3) }).prefault({}) }),
      want: {
        type: "object",
        properties: {
          a: {
            type: "object",
            default: {},
            properties: { b: { type: "integer", format: "int32", maximum: 9, default: 3 } },
          },
        },
      },
    },
    {
      reason: "a map of texts",
      schema: z.record(z.string(), z.string()),
      want: { type: "object", additionalProperties: { type: "string" } },
    },
    {
      reason: "unknown fields are kept where that is said",
      schema: z.record(z.string(), z.unknown()).meta({ "x-kubernetes-preserve-unknown-fields": true }),
      want: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
    },
    {
      reason: "the branches of anyOf carry no type",
      schema: z.union([z.string().max(1), z.string().min(5)]),
      want: { type: "string", anyOf: [{ maxLength: 1 }, { minLength: 5 }] },
    },
    { reason: "a literal is an enum of one", schema: z.literal("a"), want: { type: "string", enum: ["a"] } },
  ];
  test.each(table)("$reason", ({ schema, want }) => {
    expect(structural(schema)).toEqual(want);
  });

  test("what can't be said is refused with its place", () => {
    expect(() => structural(z.object({ a: z.union([z.string(), z.number()]) }))).toThrow(/^\.a: /);
    expect(() => structural(z.object({ a: z.unknown() }))).toThrow(/^\.a: /);
  });
});
