import { Problem } from "../problem.ts";

const decoder = new TextDecoder("utf-8", { fatal: true });
/** A number that a double may not hold as it is written. */
const LONG_NUMBER = /\d[\d.]{15}|\d[eE]/;
/** Deeper data would overflow the stack of whoever walks it. */
const MAX_DEPTH = 200;

/** What `JSON.parse` and `JSON.stringify` do beyond TypeScript's types (ES2026 "JSON.parse source text access"). */
const LosslessJson = JSON as unknown as {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(source: string): unknown;
};

/**
 * Parses JSON so that writing it again gives the same numbers, however long.
 * @throws Problem `InvalidBody`: not UTF-8, not JSON, or nested too deeply.
 */
export function parseJson(bytes: Uint8Array, what: string): unknown {
  const text = decode(bytes, what);
  checkDepth(text, what);
  try {
    return LONG_NUMBER.test(text) ? LosslessJson.parse(text, keepNumber) : JSON.parse(text);
  } catch (cause) {
    throw new Problem("InvalidBody", `${what} is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** @throws Problem `InvalidBody`. */
export function decode(bytes: Uint8Array, what: string): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new Problem("InvalidBody", `${what} is not UTF-8`, { cause });
  }
}

function keepNumber(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return LosslessJson.rawJSON(source);
}

function checkDepth(text: string, what: string): void {
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (inString) {
      if (char === "\\") i++;
      else if (char === '"') inString = false;
    } else if (char === '"') inString = true;
    else if (char === "{" || char === "[") depth++;
    else if (char === "}" || char === "]") depth--;
    if (depth > MAX_DEPTH)
      throw new Problem("InvalidBody", `${what} is nested deeper than ${MAX_DEPTH} levels`);
  }
}
