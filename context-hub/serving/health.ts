import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface Health {
  port: number;
  stop(): Promise<void>;
}

export interface HealthOptions {
  port: number;
  /** Default: all addresses. */
  host?: string | undefined;
  registry: Registry;
  /** What keeps it from being ready. */
  obstacles: () => string[];
}

/** Answers `/healthz` (the process turns), `/readyz` (`obstacles` are none) and `/metrics`. */
export async function startHealth({ port, host, registry, obstacles }: HealthOptions): Promise<Health> {
  const server: Server = createServer(async (request, response) => {
    const answer = (code: number, text: string) => response.writeHead(code).end(text);
    if (request.url === "/healthz") return answer(200, "ok\n");
    if (request.url === "/metrics") return answer(200, await registry.metrics());
    if (request.url !== "/readyz") return answer(404, "");
    const all = obstacles();
    return answer(all.length === 0 ? 200 : 503, `${all.join("\n") || "ok"}\n`);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen({ port, host }, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
