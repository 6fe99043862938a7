import { type Excess, listed } from "../violation.ts";
import { isObject } from "./json.ts";
import { coversName } from "./names.ts";

/** A pod of a high priority drives out others: whom, is the platform's to say. */
export function priorityExcess(podTemplate: unknown, bound: readonly string[] | undefined): Excess[] {
  const spec = isObject(podTemplate) ? podTemplate["spec"] : undefined;
  const named = isObject(spec) ? spec["priorityClassName"] : undefined;
  if (!bound || named === undefined) return [];
  const value = String(named);
  if (bound.some((allowed) => coversName(allowed, value))) return [];
  const field = "spec.podTemplate.spec.priorityClassName";
  return [{ field, value, rule: "priorityClasses", allowed: listed(bound) }];
}
