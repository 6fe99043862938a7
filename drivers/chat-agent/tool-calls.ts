import { type ChatTool, DriverError, plainNames, type Tool, type ToolCall } from "@vextir/driver-runtime";
import type { ToolUse } from "./messages.ts";

/** Tools under names that models take. */
export class NamedTools {
  readonly #byName: ReadonlyMap<string, Tool>;

  constructor(tools: readonly Tool[]) {
    this.#byName = plainNames(tools);
  }

  get size(): number {
    return this.#byName.size;
  }

  /** As the model is told of them. */
  get offered(): ChatTool[] {
    return [...this.#byName].map(([name, { description, input }]) => ({
      ...{ name, description },
      // A tool that takes nothing, too, is described by the schema of an object.
      input: input ?? { type: "object", properties: {} },
    }));
  }

  /** @throws DriverError `NotFound`, naming those that there are. */
  get(name: string): Tool {
    const tool = this.#byName.get(name);
    if (tool) return tool;
    const there = [...this.#byName.keys()].join(", ") || "none";
    throw new DriverError("NotFound", `there is no tool "${name}"; there are: ${there}`);
  }
}

export interface Result {
  use: ToolUse;
  /** What the model is told. */
  text: string;
}

export interface ResultLimits {
  signal: AbortSignal;
  timeoutMs: number;
  maxCharacters: number;
}

/** Runs a call that the model asked for. What goes wrong is told to the model, which may ask again in another way. */
export async function runToolCall(
  tools: NamedTools,
  { name, arguments: written }: ToolCall,
  { signal, timeoutMs, maxCharacters }: ResultLimits,
): Promise<Result> {
  let known = name;
  try {
    const tool = tools.get(name);
    known = tool.name;
    const result = await tool.call(argumentOf(written), { timeoutMs, signal });
    return {
      use: { name: known, ok: true },
      text: shortened(JSON.stringify(result) ?? "null", maxCharacters),
    };
  } catch (error) {
    if (signal.aborted || !(error instanceof DriverError)) throw error;
    const text = `error ${error.code}: ${error.message}`;
    return { use: { name: known, ok: false, error: error.code }, text: shortened(text, maxCharacters) };
  }
}

/** Models leave out the braces of no argument, and put JSON into a block of Markdown. @throws DriverError `InvalidInput` */
export function argumentOf(written: string): unknown {
  const text = written.trim().replace(/^```(?:json)?\s*([\s\S]*?)\s*```$/, "$1");
  if (text === "") return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    const problem = (cause as Error).message;
    throw new DriverError("InvalidInput", `the arguments are not JSON (${problem}); write one JSON object`, {
      cause,
    });
  }
}

const shortened = (text: string, max: number) =>
  text.length <= max ? text : `${text.slice(0, max)}… (cut: it has ${text.length} characters)`;
