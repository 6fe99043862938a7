import { CesqlError, missingFunction, parseCesql } from "../cesql/index.ts";

/** How deep `all`, `any` and `not` nest. */
const MAX_DEPTH = 16;
/** Filters of one subscription, those within others included. */
const MAX_FILTERS = 256;
const MAX_TEXT = 4_096;
const DIALECTS = "exact, prefix, suffix, all, any, not or cesql";
const COMPARISONS = new Set(["exact", "prefix", "suffix"]);

/** What is wrong with a subscription's filters, with the place from `path` on; the CRD can't say it: filters nest without end. */
export function filterProblem(filters: readonly unknown[], path: string): string | undefined {
  return new Check().list(filters, path, 0);
}

class Check {
  #count = 0;

  list(filters: readonly unknown[], path: string, depth: number): string | undefined {
    for (const [index, filter] of filters.entries()) {
      const problem = this.#filter(filter, `${path}[${index}]`, depth);
      if (problem) return problem;
    }
    return undefined;
  }

  #filter(filter: unknown, path: string, depth: number): string | undefined {
    if (depth > MAX_DEPTH) return `${path}: filters nest at most ${MAX_DEPTH} deep`;
    if (++this.#count > MAX_FILTERS) return `${path}: a subscription has at most ${MAX_FILTERS} filters`;
    const [entry, ...others] = isObject(filter) ? Object.entries(filter) : [];
    if (!entry || others.length > 0) return `${path}: exactly one of ${DIALECTS} must be set`;
    const [name, body] = entry;
    if (COMPARISONS.has(name)) return comparisonProblem(body, `${path}.${name}`);
    if (name === "cesql") return cesqlProblem(body, `${path}.cesql`);
    if (name === "not") return this.#filter(body, `${path}.not`, depth + 1);
    if (name !== "all" && name !== "any") return `${path}: "${name}" is not understood; use ${DIALECTS}`;
    if (!Array.isArray(body) || body.length === 0) return `${path}.${name} must be a list of filters`;
    return this.list(body, `${path}.${name}`, depth + 1);
  }
}

function comparisonProblem(body: unknown, path: string): string | undefined {
  const entries = isObject(body) ? Object.entries(body) : [];
  const fine = entries.every(
    ([, text]) => typeof text === "string" && text !== "" && text.length <= MAX_TEXT,
  );
  if (entries.length === 0 || !fine)
    return `${path} must map attributes of events to texts of 1 to ${MAX_TEXT} characters`;
  const [name] = entries
    .map(([attribute]) => attribute)
    .filter((attribute) => !/^[a-z0-9]{1,64}$/.test(attribute));
  return name === undefined
    ? undefined
    : `${path}: "${name.slice(0, 64)}" is no name of an attribute: lower-case letters and digits`;
}

function cesqlProblem(body: unknown, path: string): string | undefined {
  if (typeof body !== "string" || body.trim() === "")
    return `${path} must be an expression of CloudEvents SQL`;
  try {
    const problem = missingFunction(parseCesql(body));
    return problem && `${path}: ${problem.message}`;
  } catch (error) {
    if (error instanceof CesqlError) return `${path}: ${error.message}`;
    throw error;
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  value !== null && typeof value === "object" && !Array.isArray(value);
