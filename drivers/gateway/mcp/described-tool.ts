import type { Tool as McpTool } from "@modelcontextprotocol/sdk/types.js";
import type { Tool } from "@vextir/driver-runtime";

/** A tool as MCP describes one: its input is an object. One that takes anything else is given it as `input` of that object. */
export function describedTool(name: string, { name: title, description, input }: Tool): McpTool {
  return { name, title, description, inputSchema: inputSchema(input) };
}

function inputSchema(input: Tool["input"]): McpTool["inputSchema"] {
  if (input === undefined) return { type: "object" };
  if (input["type"] === "object") return input as McpTool["inputSchema"];
  const { $schema, ...rest } = input;
  return {
    type: "object",
    properties: { input: rest },
    required: ["input"],
    ...(typeof $schema === "string" && { $schema }),
  };
}
