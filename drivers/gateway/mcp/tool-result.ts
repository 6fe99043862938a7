import { type CallToolResult, ContentBlockSchema } from "@modelcontextprotocol/sdk/types.js";
import { z } from "zod";

/** What tools of MCP servers answer that is more than text or data, as the driver tool-bridge passes it on. */
const Content = z.strictObject({ content: z.array(ContentBlockSchema).min(1).max(1_000) });

/** What a tool answered, as MCP has it: text, which is JSON of anything but text, and the object itself where it is one. */
export function toolResult(value: unknown): CallToolResult {
  const content = Content.safeParse(value);
  if (content.success) return content.data as CallToolResult;
  const text = typeof value === "string" ? value : JSON.stringify(value ?? null);
  return {
    content: [{ type: "text", text }],
    ...(isObject(value) && { structuredContent: value }),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
