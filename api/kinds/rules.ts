import type { z } from "zod";

/**
 * A rule that OpenAPI can't say, in both languages: CEL for the API server, a predicate for everybody else. The two must agree;
 * `test/integration/operator/crds.test.ts` compares them on a real API server.
 */
export interface Rule<T> {
  cel: string;
  message: string;
  /** Member that the error names; absent: the value itself. */
  field?: string;
  holds(value: T): boolean;
}

/** The schema with rules that both zod and the API server enforce. */
export function ruled<S extends z.ZodType>(schema: S, ...rules: Rule<z.output<S>>[]): S {
  const checked = schema.superRefine((value, context) => {
    for (const rule of rules) {
      if (rule.holds(value as z.output<S>)) continue;
      context.addIssue({ code: "custom", message: rule.message, path: rule.field ? [rule.field] : [] });
    }
  });
  return checked.meta({
    "x-kubernetes-validations": rules.map(({ cel, message, field }) => ({
      rule: cel,
      message,
      ...(field && { fieldPath: `.${field}` }),
    })),
  });
}

/** A list whose entries are told apart by one member: it may not repeat, and appliers own entries one by one. */
export function keyedBy<S extends z.ZodType>(schema: S, key: string): S {
  const checked = schema.superRefine((value, context) => {
    const seen = new Set<unknown>();
    for (const [index, entry] of (value as Record<string, unknown>[]).entries()) {
      if (seen.has(entry[key]))
        context.addIssue({ code: "custom", message: "Duplicate value", path: [index, key] });
      seen.add(entry[key]);
    }
  });
  return checked.meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key] });
}
