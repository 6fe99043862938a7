import { expect, test } from "@jest/globals";
import { aDriver, specOf } from "../testing/objects.ts";
import { filtersProblem } from "./filter-check.ts";

const deep = (levels: number): object => (levels === 0 ? { exact: { a: "b" } } : { not: deep(levels - 1) });

const table: { reason: string; filter: unknown; problem?: string }[] = [
  { reason: "a comparison", filter: { exact: { source: "x" } } },
  { reason: "nested", filter: { any: [{ prefix: { type: "a" } }, { not: { suffix: { type: "b" } } }] } },
  {
    reason: "two in one",
    filter: { exact: { a: "b" }, prefix: { a: "b" } },
    problem: "filters[0]: exactly one",
  },
  { reason: "none", filter: {}, problem: "filters[0]: exactly one" },
  { reason: "an expression", filter: { cesql: "EXISTS subject AND type LIKE 'a.%'" } },
  {
    reason: "an expression that ends too early, with the place",
    filter: { cesql: "type = 'a' AND " },
    problem: "spec.subscriptions[0].filters[0].cesql: at character 16: a value is expected",
  },
  {
    reason: "a function that there is not",
    filter: { not: { cesql: "1 = LEN(type)" } },
    problem: "filters[0].not.cesql: at character 5: there is no function LEN of 1 arguments",
  },
  { reason: "an expression that is none", filter: { cesql: 1 }, problem: "filters[0].cesql must be" },
  {
    reason: "an attribute that no event has",
    filter: { exact: { Source: "x" } },
    problem: 'filters[0].exact: "Source" is no name',
  },
  {
    reason: "too many",
    filter: { any: Array.from({ length: 256 }, () => ({ exact: { a: "b" } })) },
    problem: "filters[0].any[255]: a subscription has at most 256 filters",
  },
  { reason: "a text that is none", filter: { exact: { a: 1 } }, problem: "filters[0].exact" },
  { reason: "a list that is none", filter: { all: { exact: { a: "b" } } }, problem: "filters[0].all" },
  {
    reason: "wrong far inside",
    filter: { all: [{ not: { like: {} } }] },
    problem: 'filters[0].all[0].not: "like"',
  },
  { reason: "16 deep", filter: deep(16) },
  { reason: "deeper than that", filter: deep(17), problem: "at most 16" },
];

test.each(table)("$reason", ({ filter, problem }) => {
  const spec = specOf(aDriver({ spec: { subscriptions: [{ types: ["a"], filters: [filter as never] }] } }));
  const found = filtersProblem(spec);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toContain(problem);
});
