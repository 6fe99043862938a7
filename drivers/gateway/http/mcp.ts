import { durationMs } from "@vextir/driver-runtime";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { notAllowed } from "../access/authorize.ts";
import { callsAnything } from "../access/grant.ts";
import { Problem } from "../problem.ts";
import { Places } from "./places.ts";
import type { ServerParts } from "./server.ts";

/** Of the request's headers, those that the protocol has a use for. */
const HEADERS = ["accept", "content-type", "mcp-protocol-version"];

/** `POST /mcp`: the tools that are granted, for MCP clients (streamable HTTP without sessions). The SDK is loaded by who asks first. */
export function addMcp(server: FastifyInstance, parts: ServerParts): void {
  const { access, audit, config, tools, failed } = parts;
  const places = new Places(config.maxRequests);
  const answers = {
    ...{ tools, failed, timeoutMs: durationMs(config.mcp.timeout) },
    called: (...[principal, tool, outcome]: Parameters<typeof audit.called>) => {
      parts.toolCalled(outcome);
      audit.called(principal, tool, outcome);
    },
  };
  server.post("/mcp", {
    onRequest: async (request, reply) => {
      places.enter(request, reply);
      expectOrigin(request, config.mcp.allowedOrigins);
      await access.identify(request);
    },
    handler: async (request, reply) => {
      const principal = access.principalOf(request);
      if (!callsAnything(principal))
        throw notAllowed("no tools are offered to you: that takes a grant with tools");
      const message = messageOf(request);
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const { answerMcp } = await import("../mcp/answer.ts");
      const asked = { principal, headers: headersOf(request), message, signal: gone.signal };
      return passOn(await answerMcp(answers, asked), reply);
    },
  });
}

/** A page that a browser was led to must not ask in the name of whoever looks at it, nor of the machine that it runs on. @throws Problem */
function expectOrigin({ headers: { origin } }: FastifyRequest, allowed: readonly string[]): void {
  if (origin === undefined || allowed.includes(origin)) return;
  throw notAllowed("web pages of this origin may not ask: config.mcp.allowedOrigins names those that may");
}

/** @throws Problem `InvalidBody` */
function messageOf({ body }: FastifyRequest): unknown {
  let message: unknown;
  try {
    message = JSON.parse(body instanceof Uint8Array ? Buffer.from(body).toString("utf8") : "");
  } catch {
    throw new Problem("InvalidBody", "the body is no JSON: it must be one JSON-RPC message");
  }
  // Each would be a request that nothing has counted; the protocol has had none since 2025-06-18.
  if (Array.isArray(message)) throw new Problem("InvalidBody", "the body must be one JSON-RPC message");
  return message;
}

function headersOf({ headers }: FastifyRequest): Record<string, string> {
  const sent = HEADERS.map((name): [string, string | undefined] => [name, headers[name]?.toString()]);
  return Object.fromEntries(sent.filter((entry): entry is [string, string] => entry[1] !== undefined));
}

async function passOn(response: Response, reply: FastifyReply): Promise<FastifyReply> {
  const { status, headers } = response;
  reply.code(status).headers(Object.fromEntries(headers)).header("cache-control", "no-store");
  const text = await response.text();
  return text === "" ? reply.send() : reply.send(text);
}
