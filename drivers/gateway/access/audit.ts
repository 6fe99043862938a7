import type { FastifyReply, FastifyRequest } from "fastify";
import type { Principal } from "./grant.ts";
import { RateLimit } from "./rate-limit.ts";

export interface AuditLog {
  info(fields: object, text: string): void;
}

/** Refused requests are told at most this often: whoever floods the gateway must not flood its log. */
const LINES = { perSecond: 20, burst: 100 };
/** What a client calls a tool is its own word. */
const MAX_TOOL_CHARS = 120;
const REFUSALS = new Set([401, 403, 429]);

/** A line for each request of `All` or `Refused`: who, what, and what became of it; never what proves who they are. */
export class Audit {
  readonly #log: AuditLog;
  readonly #all: boolean;
  readonly #lines = new RateLimit(LINES, undefined, 1);
  #untold = 0;

  constructor(log: AuditLog, what: "All" | "Refused") {
    this.#log = log;
    this.#all = what === "All";
  }

  answered(request: FastifyRequest, { statusCode }: FastifyReply, principal: Principal | undefined): void {
    const refused = REFUSALS.has(statusCode);
    if (!refused && !this.#all) return;
    if (refused && this.#lines.take("") > 0) {
      this.#untold++;
      return;
    }
    const fields = {
      audit: true,
      who: principal?.id ?? null,
      method: request.method,
      route: request.routeOptions.url ?? null,
      status: statusCode,
      address: request.ip,
      ...(this.#untold > 0 && { untold: this.#untold }),
    };
    this.#untold = 0;
    this.#log.info(fields, refused ? "a request was refused" : "a request was answered");
  }

  /** A tool was called by an MCP client, or not, since there is none of this name for it. */
  called(principal: Principal, tool: string, outcome: string): void {
    const refused = outcome === "Unknown";
    if (!refused && !this.#all) return;
    if (refused && this.#lines.take("") > 0) {
      this.#untold++;
      return;
    }
    const fields = { audit: true, who: principal.id, tool: tool.slice(0, MAX_TOOL_CHARS), outcome };
    this.#log.info(fields, refused ? "a tool was refused" : "a tool was called");
  }
}
