import type { Tracer } from "@opentelemetry/api";
import type { Once, Tools } from "@vextir/driver-runtime";
import fastify, { type FastifyError, type FastifyInstance } from "fastify";
import type { Access } from "../access/access.ts";
import type { Audit } from "../access/audit.ts";
import type { DriversHealth } from "../drivers-health.ts";
import type { History } from "../history/history.ts";
import { Problem, RETRY_AFTER_SECONDS } from "../problem.ts";
import type { Streams } from "../streams/streams.ts";
import { addDescription } from "./description.ts";
import { addEvents } from "./events.ts";
import type { ExchangeParts } from "./exchange.ts";
import { addHealth } from "./health.ts";
import { addHistory } from "./history.ts";
import { addMcp } from "./mcp.ts";
import { type Measured, measure } from "./measure.ts";
import { problemOf, sendProblem } from "./problems.ts";
import { addRepos } from "./repos.ts";
import { addStream } from "./stream.ts";
import { traceRequests } from "./trace.ts";

export interface ServerParts extends ExchangeParts {
  access: Access;
  audit: Audit;
  streams: Streams;
  history: History;
  once: Once;
  tools: Tools;
  health: DriversHealth;
  /** Whether the bus can be reached. */
  connected: () => Promise<boolean>;
  /** Told the status of every answer to an event or a batch. */
  answered: (status: number) => void;
  /** Told what became of every call of a tool. */
  toolCalled: (outcome: string) => void;
  measured: Measured;
  /** Absent: no spans. */
  tracer?: Tracer;
  /** Told about what should not happen. */
  failed: (error: unknown) => void;
}

/** From the first byte to the last of a request: slow senders hold a place no longer. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Longer than common load balancers keep an idle connection, so that they close first. */
const KEEP_ALIVE_MS = 72_000;

export function createServer(parts: ServerParts): FastifyInstance {
  const { access, audit, config } = parts;
  const server = fastify({
    bodyLimit: config.maxBodyBytes,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: "idle",
    exposeHeadRoutes: false,
    ...(config.trustedProxies.length > 0 && { trustProxy: config.trustedProxies }),
    frameworkErrors: (error, _request, reply) => sendProblem(reply, problemOf(error)),
  });
  server.removeAllContentTypeParsers();
  // The mode of a request is in its headers: every body is taken as bytes.
  server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, _request, reply) => {
    const problem = problemOf(error as FastifyError);
    if (problem.code === "Internal") parts.failed(error);
    return sendProblem(reply, problem);
  });
  server.setNotFoundHandler((request, reply) =>
    sendProblem(reply, lost(server, request.method, request.url)),
  );
  server.addHook("onResponse", async (request, reply) =>
    audit.answered(request, reply, access.principal(request)),
  );
  measure(server, parts.measured);
  if (parts.tracer) traceRequests(server, parts.tracer, config.traces);
  server.get("/healthz", async (_request, reply) => {
    const connected = await parts.connected();
    if (!connected) reply.header("retry-after", RETRY_AFTER_SECONDS);
    return reply.code(connected ? 200 : 503).send({ status: connected ? "ok" : "the bus is away" });
  });
  // What follows is limited by address; the kubelet's question is not.
  server.register((api, _options, done) => {
    api.addHook("onRequest", async (request) => access.admit(request));
    addEvents(api, parts);
    addStream(api, parts);
    addHistory(api, parts);
    addHealth(api, parts);
    addRepos(api, parts);
    addMcp(api, parts);
    addDescription(api);
    done();
  });
  return server;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"] as const;

/** Nothing is there, or not for this method. */
function lost(server: FastifyInstance, method: string, target: string): Problem {
  const url = target.split("?", 1)[0] ?? "";
  const allowed = METHODS.filter((other) => server.findRoute({ method: other, url }) !== null);
  if (allowed.length === 0)
    return new Problem(
      "NotFound",
      `nothing is at ${url.slice(0, 200)}: GET /openapi.json says what is where`,
    );
  const allow = allowed.join(", ");
  return new Problem("MethodNotAllowed", `${method} ${url.slice(0, 200)}: it takes ${allow}`, {
    headers: { allow },
  });
}
