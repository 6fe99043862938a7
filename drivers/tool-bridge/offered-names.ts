import { createHash } from "node:crypto";

const MAX_NAME = 60;
const HASH = 6;

/**
 * The methods' names of tools: letters, digits, `_` and `-`, at most 60, beginning with no `_` (those are the runtime's). Names that are such
 * already are kept; of others that would get one of them, or each other's, each gets a digest of its own name.
 */
export function methodNames(names: readonly string[]): Map<string, string> {
  const plain = new Map(names.map((name) => [name, plainName(name)]));
  const uses = new Map<string, number>();
  for (const method of plain.values()) uses.set(method, (uses.get(method) ?? 0) + 1);
  return new Map(
    [...plain].map(([name, method]) => [
      name,
      method === name || (uses.get(method) === 1 && method !== "") ? method : digested(name, method),
    ]),
  );
}

function plainName(name: string): string {
  const text = name.replaceAll(/[^A-Za-z0-9_-]/g, "_").replace(/^_+/, "");
  return text.length <= MAX_NAME ? text : digested(name, text);
}

function digested(name: string, method: string): string {
  const digest = createHash("sha256").update(name).digest("hex").slice(0, HASH);
  return `${(method || "tool").slice(0, MAX_NAME - HASH - 1)}_${digest}`;
}
