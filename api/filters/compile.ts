import { type Attributes, evaluate, parseCesql } from "../cesql/index.ts";
import type { Filter } from "../kinds/driver.ts";

/** Whether an event of these attributes passes. */
export type FilterTest = (attributes: Attributes) => boolean;

const COMPARE = {
  exact: (value: string, wanted: string) => value === wanted,
  prefix: (value: string, wanted: string) => value.startsWith(wanted),
  suffix: (value: string, wanted: string) => value.endsWith(wanted),
} as const;

/**
 * One test that holds when all filters do. An attribute that the event has not is no match; neither is a CESQL expression
 * that fails or is no Boolean (CESQL 1.0.0, section 1.2).
 *
 * @throws CesqlError or TypeError for filters that `filterProblem` would not let pass.
 */
export function compileFilters(filters: readonly Filter[]): FilterTest {
  const tests = filters.map(compile);
  return (attributes) => tests.every((test) => test(attributes));
}

function compile(filter: Filter): FilterTest {
  if ("exact" in filter) return comparison("exact", filter.exact);
  if ("prefix" in filter) return comparison("prefix", filter.prefix);
  if ("suffix" in filter) return comparison("suffix", filter.suffix);
  if ("cesql" in filter) return expression(filter.cesql);
  if ("not" in filter) {
    const test = compile(filter.not);
    return (attributes) => !test(attributes);
  }
  if ("all" in filter) return compileFilters(filter.all);
  if (!("any" in filter)) throw new TypeError("a filter of no known dialect");
  const tests = filter.any.map(compile);
  return (attributes) => tests.some((test) => test(attributes));
}

function comparison(name: keyof typeof COMPARE, wanted: Record<string, string>): FilterTest {
  const compare = COMPARE[name];
  const entries = Object.entries(wanted);
  return (attributes) =>
    entries.every(([attribute, text]) => {
      const value = attributes(attribute);
      return value !== undefined && compare(String(value), text);
    });
}

function expression(text: string): FilterTest {
  const parsed = parseCesql(text);
  return (attributes) => {
    const { value, error } = evaluate(parsed, attributes);
    return value === true && error === undefined;
  };
}
