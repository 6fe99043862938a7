import { createHash } from "node:crypto";

const MAX_NAME = 64;

/**
 * Tools under names that models and MCP clients take: letters, digits, `_` and `-`, at most 64. The same tools in the same order have
 * the same names.
 */
export function plainNames<T extends { readonly name: string }>(tools: readonly T[]): ReadonlyMap<string, T> {
  const named = new Map<string, T>();
  for (const tool of tools)
    named.set(named.has(plain(tool.name)) ? hashed(tool.name) : plain(tool.name), tool);
  return named;
}

function plain(name: string): string {
  const text = replaced(name);
  return text.length <= MAX_NAME ? text : hashed(name);
}

function hashed(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  return `${replaced(name).slice(0, MAX_NAME - 9)}_${hash}`;
}

const replaced = (name: string) => name.replaceAll(/[^A-Za-z0-9_-]/g, "_");
