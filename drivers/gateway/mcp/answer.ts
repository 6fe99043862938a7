import { randomUUID } from "node:crypto";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js";
import {
  CallToolRequestSchema,
  type CallToolResult,
  ErrorCode,
  ListToolsRequestSchema,
  McpError,
} from "@modelcontextprotocol/sdk/types.js";
import { DriverError, plainNames, type Tool, type Tools } from "@vextir/driver-runtime";
import { mayCall, type Principal } from "../access/grant.ts";
import { describedTool } from "./described-tool.ts";
import { toolResult } from "./tool-result.ts";

export interface McpParts {
  tools: Tools;
  /** Longest time that a tool may take. */
  timeoutMs: number;
  /** Told what became of every call: `Succeeded`, `Unknown` for a tool that there is not for this client, or the error's code. */
  called: (principal: Principal, tool: string, outcome: string) => void;
  /** Told about what should not happen. */
  failed: (error: unknown) => void;
}

export interface McpAsked {
  principal: Principal;
  headers: Record<string, string>;
  /** The body, parsed: one message. */
  message: unknown;
  /** Aborted when whoever asks is gone. */
  signal: AbortSignal;
}

const INFO = { name: "vextir", version: "0.1.0" };
/** Nothing here asks clients for input, so that nothing of theirs is held to a schema. */
const NO_SCHEMAS = {
  getValidator: () => {
    throw new McpError(ErrorCode.InternalError, "no schemas are checked here");
  },
};

/** Answers one message of an MCP client. Nothing is kept of it: any replica answers the next one. */
export async function answerMcp(parts: McpParts, asked: McpAsked): Promise<Response> {
  const server = new Server(INFO, { capabilities: { tools: {} }, jsonSchemaValidator: NO_SCHEMAS });
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: [...(await offered(parts, asked))].map(([name, tool]) => describedTool(name, tool)),
  }));
  server.setRequestHandler(CallToolRequestSchema, ({ params }) => call(parts, asked, params));
  // Stateless: no ids of sessions, and an answer in JSON.
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: true });
  await server.connect(transport);
  try {
    const request = new Request("http://gateway/mcp", { method: "POST", headers: asked.headers });
    return await transport.handleRequest(request, { parsedBody: asked.message });
  } finally {
    await server.close();
  }
}

/** What the client may call, by the names that it is told. */
async function offered({ tools }: McpParts, { principal, signal }: McpAsked): Promise<Map<string, Tool>> {
  // Named before any is left out: a tool's name is the same for everybody.
  const named = plainNames(await tools.list({ signal }));
  return new Map([...named].filter(([, tool]) => mayCall(principal, tool.name)));
}

async function call(
  parts: McpParts,
  asked: McpAsked,
  { name, arguments: input = {} }: { name: string; arguments?: Record<string, unknown> | undefined },
): Promise<CallToolResult> {
  const { principal, signal } = asked;
  const tool = (await offered(parts, asked)).get(name);
  if (!tool) {
    parts.called(principal, name, "Unknown");
    throw new McpError(ErrorCode.InvalidParams, `there is no tool "${name}", or not for you`);
  }
  const cause = {
    correlationId: randomUUID(),
    ...(principal.userId !== undefined && { userId: principal.userId }),
  };
  try {
    const value = await tool.call(argumentOf(tool, input), { timeoutMs: parts.timeoutMs, signal, cause });
    parts.called(principal, tool.name, "Succeeded");
    return toolResult(value);
  } catch (error) {
    const outcome = error instanceof DriverError ? error.code : signal.aborted ? "Gone" : "Internal";
    parts.called(principal, tool.name, outcome);
    return { isError: true, content: [{ type: "text", text: said(parts, error, signal) }] };
  }
}

/** As `describedTool` said that it is given. */
const argumentOf = ({ input }: Tool, given: Record<string, unknown>) =>
  input === undefined || input["type"] === "object" ? given : given["input"];

/** The client is told what a tool says, and nothing of faults of the gateway's own. */
function said({ failed }: McpParts, error: unknown, signal: AbortSignal): string {
  if (error instanceof DriverError) return `${error.code}: ${error.message}`;
  if (!signal.aborted) failed(error);
  return "the gateway failed; its log says how";
}
