import type { FastifyInstance } from "fastify";
import { RETRY_AFTER_SECONDS } from "../problem.ts";
import type { ServerParts } from "./server.ts";

/** The second is the older platform's name. */
const PATHS = ["/api/health", "/api/Health"];

/** How the system does, for those who are let in: it names drivers. */
export function addHealth(server: FastifyInstance, { access, health }: ServerParts): void {
  for (const path of PATHS)
    server.get(path, { onRequest: (request) => access.identify(request) }, async (_request, reply) => {
      const found = await health.health();
      if (found.status !== "ok") reply.header("retry-after", RETRY_AFTER_SECONDS);
      return reply.code(found.status === "ok" ? 200 : 503).send(found);
    });
}
