import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Filter } from "../kinds/driver.ts";
import { matches } from "../names.ts";
import { compileFilters, filterProblem, passingTypes } from "./index.ts";

const attributes: Record<string, string> = {
  id: "1",
  type: "mail.message.received",
  source: "https://mail.example/in",
  priority: "7",
};
const passes = (...filters: Filter[]) => compileFilters(filters)((name) => attributes[name]);

test.each<{ reason: string; filter: Filter; holds: boolean }>([
  { reason: "exact", filter: { exact: { type: "mail.message.received" } }, holds: true },
  { reason: "exact is not prefix", filter: { exact: { type: "mail" } }, holds: false },
  { reason: "all attributes of one filter", filter: { exact: { id: "1", priority: "8" } }, holds: false },
  { reason: "prefix", filter: { prefix: { source: "https://mail." } }, holds: true },
  { reason: "suffix", filter: { suffix: { type: ".received", source: "/in" } }, holds: true },
  { reason: "no such attribute", filter: { prefix: { subject: "a" } }, holds: false },
  { reason: "not of no such attribute", filter: { not: { prefix: { subject: "a" } } }, holds: true },
  { reason: "all", filter: { all: [{ exact: { id: "1" } }, { exact: { id: "2" } }] }, holds: false },
  { reason: "any", filter: { any: [{ exact: { id: "2" } }, { exact: { id: "1" } }] }, holds: true },
  { reason: "cesql", filter: { cesql: "priority > 5 AND type LIKE 'mail.%'" }, holds: true },
  { reason: "cesql that is no Boolean", filter: { cesql: "priority" }, holds: false },
  { reason: "cesql with an error beside true", filter: { cesql: "TRUE OR nothere = 1" }, holds: true },
  { reason: "cesql whose error comes first", filter: { cesql: "nothere = 1 OR TRUE" }, holds: false },
  { reason: "not of cesql with an error", filter: { not: { cesql: "nothere = 1" } }, holds: true },
])("$reason", ({ filter, holds }) => {
  expect(passes(filter)).toBe(holds);
});

test("no filter lets all pass; of several all must hold", () => {
  expect(passes()).toBe(true);
  expect(passes({ exact: { id: "1" } }, { exact: { id: "2" } })).toBe(false);
});

describe("types that the bus can tell", () => {
  test.each<{ reason: string; types: string[]; filters: Filter[]; passing: string[] }>([
    { reason: "no filter", types: ["a.>", "b"], filters: [], passing: ["a.>", "b"] },
    { reason: "exact", types: ["a.>"], filters: [{ exact: { type: "a.b" } }], passing: ["a.b"] },
    { reason: "prefix", types: [">"], filters: [{ prefix: { type: "a.b." } }], passing: ["a.b.>"] },
    {
      reason: "prefix within a part",
      types: [">"],
      filters: [{ prefix: { type: "a.b" } }],
      passing: ["a.>"],
    },
    { reason: "prefix of a first part", types: ["*"], filters: [{ prefix: { type: "a" } }], passing: ["*"] },
    { reason: "wildcards", types: ["*.x", "b.*"], filters: [{ prefix: { type: "a." } }], passing: ["a.x"] },
    {
      reason: "any of types",
      types: ["a.*"],
      filters: [{ any: [{ exact: { type: "a.b" } }, { exact: { type: "a.c" } }, { exact: { type: "z" } }] }],
      passing: ["a.b", "a.c"],
    },
    {
      reason: "any of a type and of what is none",
      types: ["a.*"],
      filters: [{ any: [{ exact: { type: "a.b" } }, { exact: { id: "1" } }] }],
      passing: ["a.*"],
    },
    {
      reason: "all",
      types: [">"],
      filters: [{ all: [{ prefix: { type: "a." } }, { suffix: { type: ".c" } }] }],
      passing: ["a.>"],
    },
    {
      reason: "not says nothing",
      types: ["a.*"],
      filters: [{ not: { exact: { type: "a.b" } } }],
      passing: ["a.*"],
    },
    ...[
      { cesql: "type = 'a.b'", passing: ["a.b"] },
      { cesql: "'a.b' = type", passing: ["a.b"] },
      { cesql: "type IN ('a.b', 'z', 'a.c')", passing: ["a.b", "z", "a.c"] },
      { cesql: "type LIKE 'a.b' OR type LIKE 'a.c'", passing: ["a.b", "a.c"] },
      { cesql: "priority > 5 AND type LIKE 'a.b.%'", passing: ["a.b.>"] },
      { cesql: "type LIKE 'a.b_'", passing: ["a.>"] },
      { cesql: "priority > 5 OR type = 'a.b'", passing: [">"] },
      { cesql: "type = 'a.b' XOR TRUE", passing: [">"] },
      { cesql: "NOT (type = 'a.b')", passing: [">"] },
      { cesql: "type NOT IN ('a.b')", passing: [">"] },
      { cesql: "type NOT LIKE 'a.b%'", passing: [">"] },
      { cesql: "type != 'a.b'", passing: [">"] },
      { cesql: "type = 1", passing: [">"] },
    ].map(({ cesql, passing }) => ({ reason: cesql, types: [">"], filters: [{ cesql }], passing })),
    { reason: "nothing can pass", types: ["a.*"], filters: [{ exact: { type: "b.c" } }], passing: ["a.*"] },
    { reason: "no type of events", types: ["a.*"], filters: [{ exact: { type: "a.*" } }], passing: ["a.*"] },
  ])("$reason", ({ types, filters, passing }) => {
    expect(passingTypes(types, filters)).toEqual(passing);
  });

  test("no event that passes is kept away", () => {
    const part = fc.constantFrom("a", "b", "ab");
    const type = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
    const pattern = fc
      .tuple(fc.array(fc.constantFrom("a", "b", "*"), { minLength: 1, maxLength: 3 }), fc.boolean())
      .map(([parts, open]) => [...parts, ...(open ? [">"] : [])].join("."));
    const prefix = fc.tuple(type, fc.constantFrom("", ".")).map(([text, end]) => text + end);
    const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
      filter: fc.oneof(
        { maxDepth: 3 },
        type.map((text): Filter => ({ exact: { type: text } })),
        prefix.map((text): Filter => ({ prefix: { type: text } })),
        type.map((text): Filter => ({ suffix: { type: text } })),
        type.map((text): Filter => ({ cesql: `type != '${text}'` })),
        tie("filter").map((inner): Filter => ({ not: inner })),
        fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((all): Filter => ({ all })),
        fc.array(tie("filter"), { minLength: 1, maxLength: 3 }).map((any): Filter => ({ any })),
      ),
    }));
    fc.assert(
      fc.property(
        fc.array(pattern, { minLength: 1, maxLength: 2 }),
        fc.array(filter, { maxLength: 3 }),
        type,
        (types, filters, actual) => {
          const subscribed = types.some((each) => matches(each, actual));
          const passed = compileFilters(filters)((name) => (name === "type" ? actual : undefined));
          const delivered = passingTypes(types, filters).some((each) => matches(each, actual));
          if (subscribed && passed) expect(delivered).toBe(true);
          if (!subscribed) expect(delivered).toBe(false);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

test("whatever is written there is a filter or has a problem", () => {
  const names = fc.constantFrom("exact", "prefix", "all", "any", "not", "cesql", "like");
  const { node } = fc.letrec<{ node: unknown }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom("TRUE", "1 +", "", 1, null),
      fc.dictionary(fc.constantFrom("type", "Id", "__proto__"), fc.constantFrom("a", "", 1)),
      fc.array(tie("node"), { maxLength: 2 }),
      fc.tuple(names, tie("node")).map(([name, inner]) => ({ [name]: inner })),
    ),
  }));
  fc.assert(
    fc.property(fc.array(node, { maxLength: 2 }), (filters) => {
      if (filterProblem(filters, "filters") !== undefined) return;
      const result = compileFilters(filters as Filter[])(() => "x");
      expect(typeof result).toBe("boolean");
    }),
    { numRuns: 5_000 },
  );
});
