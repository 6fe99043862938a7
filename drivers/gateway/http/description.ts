import type { FastifyInstance } from "fastify";

/** `GET /openapi.json`. The document is loaded by who asks for it first. */
export function addDescription(server: FastifyInstance): void {
  let text: Promise<string> | undefined;
  server.get("/openapi.json", async (_request, reply) => {
    text ??= import("../openapi/document.ts").then(({ openApiText }) => openApiText());
    return reply.type("application/json; charset=utf-8").send(await text);
  });
}
