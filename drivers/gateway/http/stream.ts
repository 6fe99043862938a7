import { type Event, matches, TypePattern } from "@vextir/driver-runtime";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { z } from "zod";
import { notAllowed } from "../access/authorize.ts";
import { mayRead, type Principal, readsAnything } from "../access/grant.ts";
import { Problem } from "../problem.ts";
import { StreamClient } from "../streams/client.ts";
import { control, retry } from "../streams/frames.ts";
import { type Place, readPlace } from "../streams/place.ts";
import { list, readQuery } from "./query.ts";
import type { ServerParts } from "./server.ts";

const RECONNECT_MS = 2_000;
/** Streams of one principal. */
const MAX_OWN = 32;
/** `setTimeout` takes no more. */
const MAX_TIMEOUT_MS = 2_147_483_647;

const Query = z.strictObject({
  types: list(TypePattern, 64).optional(),
  correlationid: z.string().min(1).max(256).optional(),
});
/** `GET /api/stream`: what is observed, as server-sent events. */
export function addStream(server: FastifyInstance, { access, config, streams, history }: ServerParts): void {
  const own = new Map<string, number>();
  const count = (id: string, change: 1 | -1) => {
    const now = (own.get(id) ?? 0) + change;
    if (now > 0) own.set(id, now);
    else own.delete(id);
    return now;
  };
  server.get("/api/stream", {
    onRequest: (request) => access.identify(request),
    handler: async (request, reply) => {
      const principal = access.principalOf(request);
      if (config.observe.length === 0 || !readsAnything(principal))
        throw notAllowed("no events are shown to you: that takes config.observe, and a grant with read");
      const query = readQuery(Query, request);
      const after = lastEventId(request);
      if (streams.full) throw new Problem("Busy", `${config.maxStreams} streams are open already`);
      if ((own.get(principal.id) ?? 0) >= MAX_OWN)
        throw new Problem("TooManyRequests", `${MAX_OWN} streams of yours are open already`, {
          headers: { "retry-after": "10" },
        });
      reply.hijack();
      const { raw } = reply;
      raw.writeHead(200, {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        // Proxies of the nginx kind would hold it back.
        "x-accel-buffering": "no",
      });
      const client = new StreamClient(raw);
      const expiry = expiresIn(principal, () => client.end("Expired"));
      count(principal.id, 1);
      raw.once("close", () => {
        clearTimeout(expiry);
        count(principal.id, -1);
        streams.remove(client);
      });
      client.send(retry(RECONNECT_MS) + control("ready", { types: query.types ?? [">"] }));
      const replay = config.history ? history.replay(principal) : undefined;
      await streams.add({ client, shows: shownTo(principal, query), after, replay });
    },
  });
}

function shownTo(principal: Principal, { types, correlationid }: z.output<typeof Query>) {
  return ({ type, userId, correlationId }: Event) =>
    (types === undefined || types.some((pattern) => matches(pattern, type))) &&
    (correlationid === undefined || correlationid === correlationId) &&
    mayRead(principal, type, userId);
}

/** @throws Problem */
function lastEventId(request: FastifyRequest): Place | undefined {
  const header = request.headers["last-event-id"];
  if (header === undefined || header === "") return undefined;
  const place = readPlace(String(header));
  if (place) return place;
  throw new Problem("InvalidParameter", '"Last-Event-ID": must be an id that this stream gave', {
    field: "last-event-id",
  });
}

function expiresIn({ expiresMs }: Principal, expired: () => void): NodeJS.Timeout | undefined {
  if (expiresMs === undefined) return undefined;
  return setTimeout(expired, Math.min(MAX_TIMEOUT_MS, Math.max(0, expiresMs - Date.now()))).unref();
}
