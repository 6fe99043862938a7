import { text } from "node:stream/consumers";
import { LocalError } from "../local/local-error.ts";
import { printable, table } from "../local/output/text.ts";
import { type ToolsOptions, withTools } from "../tools/tenant-tools.ts";

export interface ListOptions extends ToolsOptions {
  driver?: string;
  output?: string;
}

/** Of a description, what a line has room for. */
const MAX_DESCRIPTION = 100;

/** `vextir tools list`: text for the screen. @throws LocalError, BusError, OperatorError, ClusterError */
export async function listTools(options: ListOptions): Promise<string> {
  const list = await withTools(options, (tools) => tools.list(options.driver));
  if (options.output === "json") return JSON.stringify(list, null, 2);
  const { tools, silent } = list;
  const rows = tools.map(({ driver, method, description }) => [`${driver}.${method}`, oneLine(description)]);
  return [
    ...(rows.length === 0 ? ["No tools."] : table(["TOOL", "DESCRIPTION"], rows)),
    ...(silent.length === 0 ? [] : ["", `Did not answer: ${silent.join(", ")}`]),
  ].join("\n");
}

export interface CallOptions extends ToolsOptions {
  output?: string;
}

/**
 * `vextir tools call <driver>.<tool> [input]`: the answer, text as it is and all else as JSON.
 * @param input JSON; `-`: on stdin; absent: none.
 * @throws LocalError `BadInput`, `Refused`; as `listTools`
 */
export async function callTool(
  tool: string,
  input: string | undefined,
  options: CallOptions,
  stdin: NodeJS.ReadableStream = process.stdin,
): Promise<string> {
  const [driver = "", method = "", ...more] = tool.split(".");
  if (driver === "" || method === "" || more.length > 0)
    throw new LocalError(
      "BadInput",
      `"${tool}" is no tool: write <driver>.<tool>, as \`vextir tools list\` shows it`,
    );
  const given = valueOfText(input === "-" ? await text(stdin) : input);
  const { output, error } = await withTools(options, (tools) => tools.call(driver, method, given));
  if (error) throw new LocalError("Refused", printable(`${tool}: ${error.message} (${error.code})`));
  if (typeof output === "string" && options.output !== "json") return printable(output);
  return printable(JSON.stringify(output ?? null, null, 2));
}

function valueOfText(input: string | undefined): unknown {
  if (input === undefined) return undefined;
  try {
    return JSON.parse(input);
  } catch (cause) {
    throw new LocalError("BadInput", `the input is no JSON: ${(cause as Error).message}`, { cause });
  }
}

function oneLine(description: string): string {
  const line = printable(description).replaceAll(/\s+/g, " ").trim();
  return line.length > MAX_DESCRIPTION ? `${line.slice(0, MAX_DESCRIPTION)}…` : line;
}
