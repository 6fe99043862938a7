import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { conditions, type Finding, no, summary, transitions, unknown, yes } from "./conditions.ts";

const finding = fc.constantFrom<Finding>(
  yes("Fine", "a"),
  no("Broken", "b"),
  no("Late", "c"),
  no("Progressing", "e"),
  unknown("Open", "d"),
);
const findings = fc.dictionary(fc.constantFrom("A", "B", "C"), finding);

describe("conditions", () => {
  test("a time is that of the last change of the status", () => {
    fc.assert(
      fc.property(fc.array(findings, { minLength: 1, maxLength: 8 }), (history) => {
        let stored: ReturnType<typeof conditions> = [];
        const since = new Map<string, string>();
        for (const [index, found] of history.entries()) {
          const now = index * 1_000;
          const next = conditions(found, stored, index, now);
          for (const { type, status, lastTransitionTime } of next) {
            const before = stored.find((condition) => condition.type === type);
            if (before?.status !== status) since.set(type, new Date(now).toISOString().replace(".000", ""));
            expect(lastTransitionTime).toBe(since.get(type));
          }
          stored = next;
        }
      }),
    );
  });

  test("what says the same is the same, and no transition", () => {
    fc.assert(
      fc.property(findings, (found) => {
        const first = conditions(found, [], 1, 0);
        const again = conditions(found, first, 1, 60_000);
        expect(again).toEqual(first);
        expect(transitions(first, again)).toEqual([]);
      }),
    );
  });

  test("the whole is True when all are, else it is the first that failed, or that isn't yet", () => {
    fc.assert(
      fc.property(findings, (found) => {
        const all = Object.values(found);
        const { status, reason, message } = summary(found);
        expect(status === "True").toBe(all.every((part) => part.status === "True"));
        const rest = Object.entries(found).filter(([, part]) => part.status !== "True");
        const failed = rest.filter(([, part]) => part.status === "False" && part.reason !== "Progressing");
        const [type, first] = [...failed, ...rest][0] ?? [];
        if (first)
          expect({ reason, message }).toEqual({ reason: first.reason, message: `${type}: ${first.message}` });
      }),
    );
  });

  test("a message that the API server would refuse is cut", () => {
    const [stored] = conditions({ A: no("Long", "x".repeat(40_000)) }, [], 1, 0);
    expect(stored?.message.length).toBeLessThanOrEqual(2_000);
  });
});
