import type { Config } from "./config.ts";
import { methodNames } from "./offered-names.ts";
import type { ServerTool } from "./session.ts";

/** A tool of the server's that can be offered. */
export interface BridgedTool {
  /** The server's name of it. */
  name: string;
  /** The method's. */
  method: string;
  description: string;
  input: Record<string, unknown>;
}

export interface Catalogue {
  tools: BridgedTool[];
  /** Tools that are wanted and not offered, by the server's names; why, for people. */
  leftOut: string[];
}

const MAX_TOOLS = 200;
const MAX_DESCRIPTION = 4_000;
const MAX_NAME = 200;
const MAX_SCHEMA_CHARACTERS = 32_768;
/** Of all together: who asks for them is told of all of them in one message. */
const MAX_CHARACTERS = 524_288;
const MAX_TOLD = 20;

/** What is offered of what a server lists: as much as callers can be told of. */
export function catalogueOf(
  listed: readonly ServerTool[],
  { tools: wanted }: Pick<Config, "tools">,
  complete: boolean,
): Catalogue {
  const named = new Map(listed.map((tool) => [tool.name, tool]));
  const chosen = [...named.values()].filter(({ name }) => wanted === undefined || wanted.includes(name));
  const methods = methodNames(chosen.map(({ name }) => name));
  const tools: BridgedTool[] = [];
  const leftOut = (wanted ?? []).filter((name) => !named.has(name)).map((name) => `${name} (there is none)`);
  let left = MAX_CHARACTERS;
  for (const { name, description = "", title, inputSchema } of chosen) {
    const schema = textOf(inputSchema);
    const told = (description || title || name).slice(0, MAX_DESCRIPTION);
    const problem = problemOf(name, schema, tools.length, left - told.length);
    if (problem !== undefined) {
      leftOut.push(`${name.slice(0, MAX_NAME)} (${problem})`);
      continue;
    }
    left -= told.length + (schema?.length ?? 0);
    tools.push({ name, method: methods.get(name) ?? name, description: told, input: inputSchema });
  }
  if (!complete) leftOut.push("those beyond the first pages of the list");
  return { tools, leftOut: leftOut.slice(0, MAX_TOLD) };
}

function problemOf(
  name: string,
  schema: string | undefined,
  count: number,
  left: number,
): string | undefined {
  if (name.length === 0 || name.length > MAX_NAME) return `its name has not 1 to ${MAX_NAME} characters`;
  if (schema === undefined) return "its schema can't be told";
  if (schema.length > MAX_SCHEMA_CHARACTERS)
    return `its schema has more than ${MAX_SCHEMA_CHARACTERS} characters`;
  if (count >= MAX_TOOLS) return `there are more than ${MAX_TOOLS}`;
  return schema.length > left ? `all together have more than ${MAX_CHARACTERS} characters` : undefined;
}

/** Undefined: nested so deeply that nobody can write it down. */
function textOf(schema: object): string | undefined {
  try {
    return JSON.stringify(schema);
  } catch {
    return undefined;
  }
}
