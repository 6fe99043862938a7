import { type Expression, parseCesql } from "../cesql/index.ts";
import type { Filter } from "../kinds/driver.ts";
import { EventType, intersection, normalizePatterns, partialOverlaps } from "../names.ts";

/** More subjects than these a consumer is not given. */
const MAX_PATTERNS = 64;

/**
 * The types that can pass the filters, as patterns within `types`: what a subject can say of them, so that the bus need
 * not deliver the rest. May let more through than the filters do, never less. `types` themselves where the filters say
 * nothing of the type, or nothing that disjoint patterns can say.
 */
export function passingTypes(types: readonly string[], filters: readonly Filter[]): string[] {
  const within = normalizePatterns(types);
  const passing = typesOf({ all: [...filters] });
  if (!passing) return within;
  const narrowed = both(within, passing);
  const fits =
    narrowed.length > 0 && narrowed.length <= MAX_PATTERNS && partialOverlaps(narrowed).length === 0;
  return fits ? narrowed : within;
}

/** Patterns of all types that can pass; undefined when any can. */
function typesOf(filter: Filter): string[] | undefined {
  if ("exact" in filter) return exactly(filter.exact["type"]);
  if ("prefix" in filter) return beginningWith(filter.prefix["type"]);
  if ("all" in filter) return ofAll(filter.all.map(typesOf));
  if ("any" in filter) return ofAny(filter.any.map(typesOf));
  return "cesql" in filter ? typesOfExpression(parseCesql(filter.cesql)) : undefined;
}

/** Of the events for which the expression is true; where it fails, they don't pass. */
function typesOfExpression(expression: Expression): string[] | undefined {
  switch (expression.kind) {
    case "Logic": {
      if (expression.operator === "XOR") return undefined;
      const sides = [typesOfExpression(expression.left), typesOfExpression(expression.right)];
      return expression.operator === "AND" ? ofAll(sides) : ofAny(sides);
    }
    case "Comparison":
      if (expression.operator !== "=") return undefined;
      return isType(expression.left) ? exactly(textOf(expression.right)) : typesEqualTo(expression);
    case "In":
      if (expression.negated || !isType(expression.operand)) return undefined;
      return ofAny(expression.set.map((element) => exactly(textOf(element))));
    case "Like": {
      if (expression.negated || !isType(expression.operand)) return undefined;
      const { pattern } = expression;
      const wildcard = pattern.findIndex((part) => typeof part !== "string");
      return wildcard < 0 ? exactly(pattern.join("")) : beginningWith(pattern.slice(0, wildcard).join(""));
    }
    default:
      return undefined;
  }
}

const typesEqualTo = ({ left, right }: Expression & { kind: "Comparison" }) =>
  isType(right) ? exactly(textOf(left)) : undefined;

const isType = (expression: Expression) => expression.kind === "Attribute" && expression.name === "type";
/** A number or a Boolean is compared by rules of its own. */
const textOf = (expression: Expression) =>
  expression.kind === "Literal" && typeof expression.value === "string" ? expression.value : undefined;

function ofAll(parts: readonly (string[] | undefined)[]): string[] | undefined {
  const known = parts.filter((part) => part !== undefined);
  return known.length === 0 ? undefined : known.reduce(both);
}

function ofAny(parts: readonly (string[] | undefined)[]): string[] | undefined {
  return parts.every((part) => part !== undefined) ? normalizePatterns(parts.flat()) : undefined;
}

function exactly(type: string | undefined): string[] | undefined {
  if (type === undefined) return undefined;
  return EventType.safeParse(type).success ? [type] : [];
}

/** A subject ends at a `.`: of `mail.rec` it can say `mail.` only. */
function beginningWith(prefix: string | undefined): string[] | undefined {
  if (prefix === undefined) return undefined;
  const border = prefix.lastIndexOf(".");
  if (border < 0) return undefined;
  const parts = prefix.slice(0, border);
  return EventType.safeParse(parts).success ? [`${parts}.>`] : [];
}

function both(a: readonly string[], b: readonly string[]): string[] {
  const common = a.flatMap((x) => b.map((y) => intersection(x, y)));
  return normalizePatterns(common.filter((pattern) => pattern !== undefined));
}
