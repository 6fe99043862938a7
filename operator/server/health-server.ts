import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface HealthServerOptions {
  port: number;
  /** Default: every address. */
  host?: string;
  /** Asked at each scrape. */
  metrics: () => Registry;
  /** What the replica still waits for; empty: it is ready. */
  waitsFor: () => readonly string[];
}

export interface HealthServer {
  readonly port: number;
  stop(): Promise<void>;
}

const MAX_CONNECTIONS = 64;
const TIMEOUT_MS = 10_000;

/** Answers `/healthz` (the process turns), `/readyz` and `/metrics`. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const { port, host, metrics, waitsFor } = options;
  const server = createServer({ requestTimeout: TIMEOUT_MS, maxHeaderSize: 8_192 }, (request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "GET only\n");
    const { pathname } = new URL(request.url ?? "/", "http://operator");
    if (pathname === "/healthz") return answer(response, 200, "ok\n");
    if (pathname === "/readyz") return readiness(response, waitsFor());
    if (pathname === "/metrics") return void scrape(response, metrics());
    return answer(response, 404, "there are /healthz, /readyz and /metrics\n");
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.keepAliveTimeout = TIMEOUT_MS;
  server.listen(port, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function readiness(response: ServerResponse, waiting: readonly string[]): void {
  if (waiting.length === 0) answer(response, 200, "ok\n");
  else answer(response, 503, `waits for ${waiting.join(", ")}\n`);
}

async function scrape(response: ServerResponse, metrics: Registry): Promise<void> {
  try {
    const text = await metrics.metrics();
    response.setHeader("content-type", metrics.contentType);
    answer(response, 200, text);
  } catch (error) {
    answer(response, 500, `${(error as Error).message}\n`);
  }
}

function answer(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status;
  if (!response.hasHeader("content-type")) response.setHeader("content-type", "text/plain; charset=utf-8");
  response.end(text);
}
