import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";
import { DriverError } from "../errors.ts";

export interface HealthParts {
  port: number;
  /** Undefined: all addresses. */
  host?: string | undefined;
  registry: Registry;
  /** What keeps the driver from being ready; none: it is. */
  obstacles: () => string[];
}

/** `/healthz` (the process answers), `/readyz` (200, or 503 with the reasons) and `/metrics` (Prometheus). */
export class HealthServer {
  readonly #server: Server;
  readonly #parts: HealthParts;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => {
      void this.#answer(request, response).catch(() => response.destroy());
    });
    this.#server.requestTimeout = 5_000;
    this.#server.maxConnections = 64;
  }

  /** Number that it listens on. @throws DriverError `Unavailable` when the port is taken. */
  async listen(): Promise<number> {
    const { port, host } = this.#parts;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (cause) =>
        reject(
          new DriverError("Unavailable", `the health port ${port} can't be listened on: ${cause.message}`, {
            cause,
          }),
        ),
      );
      this.#server.listen({ port, host }, resolve);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET" && request.method !== "HEAD")
      return send(response, 405, "text/plain", "GET only\n");
    if (path === "/healthz") return send(response, 200, "text/plain", "ok\n");
    if (path === "/metrics") {
      const { registry } = this.#parts;
      return send(response, 200, registry.contentType, await registry.metrics());
    }
    if (path === "/readyz") {
      const obstacles = this.#parts.obstacles();
      const body = `${JSON.stringify({ ready: obstacles.length === 0, obstacles })}\n`;
      return send(response, obstacles.length === 0 ? 200 : 503, "application/json", body);
    }
    send(response, 404, "text/plain", "/healthz, /readyz, /metrics\n");
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
}
