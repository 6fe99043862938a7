import type { FastifyInstance, RouteShorthandOptionsWithHandler } from "fastify";
import { readBatch } from "../cloudevents/structured.ts";
import { acceptBatch } from "./batch.ts";
import { BATCH, Exchange, isOlderForm, mediaType, readEvent } from "./exchange.ts";
import { Places } from "./places.ts";
import type { ServerParts } from "./server.ts";

/** The last two are the older platform's names. */
const PATHS = ["/api/events", "/api/PutEvent", "/api/UniversalEventProcessor"] as const;

/** `POST /api/events`, by its name and the older ones. */
export function addEvents(server: FastifyInstance, parts: ServerParts): void {
  const { access, config } = parts;
  const exchange = new Exchange(parts);
  const places = new Places(config.maxRequests);
  const options: RouteShorthandOptionsWithHandler = {
    // Before the body is read: what can't be handled is not held in memory.
    onRequest: async (request, reply) => {
      places.enter(request, reply);
      await access.identify(request);
    },
    onResponse: async (_request, reply) => parts.answered(reply.statusCode),
    handler: async (request, reply) => {
      const body = request.body instanceof Uint8Array ? request.body : new Uint8Array(0);
      const from = { principal: access.principalOf(request), claim: () => places.claim(request) };
      if (mediaType(request) !== BATCH) {
        const event = readEvent(request, body);
        const incoming = isOlderForm(request) ? await parts.acceptance.asOlder(event) : event;
        return exchange.answer(incoming, from, request, reply);
      }
      const entries = readBatch(body, config.maxBatchEvents);
      access.charge(from.principal, entries.length - 1);
      return acceptBatch(entries, parts.acceptance, from, reply);
    },
  };
  for (const path of PATHS) server.post(path, options);
}
