import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { parse } from "yaml";
import { CesqlError, evaluate, parseCesql, type Value } from "./index.ts";

/**
 * The official cases: `cesql/cesql_tck` of a checkout of github.com/cloudevents/spec (Apache-2.0), run when VEXTIR_CESQL_TCK
 * names that folder. They are no part of this repository; `conformance.test.ts` has its own cases for every section.
 */
const folder = process.env["VEXTIR_CESQL_TCK"];

interface Case {
  name: string;
  expression: string | number | boolean;
  result?: Value;
  error?: string;
  event?: Record<string, Value>;
  eventOverrides?: Record<string, Value>;
}

/** Cases of drafts that specification 1.0.0 decides otherwise, with the section that does. */
const DECIDED_OTHERWISE: Record<string, string> = {
  "Absent optional attribute": "3.2: a missing attribute is an error beside the value",
  "Invalid int cast": "3.7: an Integer is cast to Boolean",
  "Conjunctive Normal Form (4)": "3.6: nothing makes its second parenthesis true",
  "Conjunctive Normal Form (5)": "3.6: AND ends at the false parenthesis before the missing attribute",
};

const ANY_EVENT = { specversion: "1.0", id: "1", source: "/source", type: "a.type" };

const files = folder ? readdirSync(folder).filter((file) => file.endsWith(".yaml")) : [];
const cases = files.flatMap((file) => {
  const { tests } = parse(readFileSync(join(folder ?? "", file), "utf8")) as { tests: Case[] };
  return tests.map((each) => ({ ...each, title: `${file}: ${each.name}` }));
});

function outcome({ expression, event, eventOverrides }: Case): { value?: Value; error?: string } {
  const attributes: Record<string, Value> = event ?? { ...ANY_EVENT, ...eventOverrides };
  try {
    const { value, error } = evaluate(parseCesql(String(expression)), (name) => attributes[name]);
    return { value, ...(error && { error: error.code.toLowerCase() }) };
  } catch (error) {
    if (error instanceof CesqlError) return { error: error.code.toLowerCase() };
    throw error;
  }
}

(folder ? describe : describe.skip)("official conformance cases", () => {
  test("there are some", () => expect(cases.length).toBeGreaterThan(200));

  for (const each of cases)
    test(each.title, () => {
      const { value, error } = outcome(each);
      const agrees =
        error === each.error?.toLowerCase() && (each.result === undefined || value === each.result);
      if (agrees || each.name in DECIDED_OTHERWISE) return;
      expect({ value, error }).toEqual({ value: each.result, error: each.error?.toLowerCase() });
    });
});
