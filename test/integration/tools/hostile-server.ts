import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

interface Message {
  id?: number | string;
  method?: string;
  params?: Record<string, unknown>;
}

/** Answers one method of MCP in whatever way; undefined: nothing is answered by it. */
export type Behaviour = (message: Message, response: ServerResponse, request: IncomingMessage) => void;

/** An MCP server by hand, without sessions, which does to its clients what a test says. */
export class HostileServer {
  readonly #server: Server;
  /** In place of the honest answer to a method. */
  readonly behave = new Map<string, Behaviour>();
  tools: object[] = [{ name: "echo", description: "Says it again.", inputSchema: { type: "object" } }];
  /** Header `authorization` of every request. */
  readonly proofs: (string | undefined)[] = [];
  /** Requests so far, by method of MCP. */
  readonly asked = new Map<string, number>();

  private constructor() {
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<HostileServer> {
    const server = new HostileServer();
    await new Promise<void>((resolve) => server.#server.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/mcp`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST") return void response.writeHead(405).end();
    let body = "";
    for await (const part of request) body += String(part);
    const message = JSON.parse(body) as Message;
    const { method = "" } = message;
    this.proofs.push(request.headers.authorization);
    this.asked.set(method, (this.asked.get(method) ?? 0) + 1);
    const behaviour = this.behave.get(method);
    if (behaviour) behaviour(message, response, request);
    else this.#honest(message, response);
  }

  #honest({ id, method, params }: Message, response: ServerResponse): void {
    if (id === undefined) return void response.writeHead(202).end();
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: params?.["protocolVersion"] as string,
        capabilities: { tools: { listChanged: true } },
        serverInfo: { name: "by hand", version: "1" },
      } as object,
      "tools/list": { tools: this.tools },
      "tools/call": { content: [{ type: "text", text: JSON.stringify(params?.["arguments"]) }] },
    };
    answer(response, { jsonrpc: "2.0", id, result: results[method ?? ""] ?? {} });
  }
}

export function answer(response: ServerResponse, message: unknown): void {
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(message));
}
