import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import type { Publish } from "@vextir/driver-runtime";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Config } from "../config.ts";

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
const MAX_PATH_CHARS = 256;

/**
 * A server span for each request but the kubelet's, by the HTTP conventions, from its headers until the connection has its answer.
 * Of the client's words only a path that is one here: queries, addresses and user agents are nobody's.
 */
export function traceRequests(server: FastifyInstance, tracer: Tracer, traces: Config["traces"]): void {
  // Nothing propagates: nobody traces.
  if (propagation.fields().length === 0) return;
  const open = new WeakMap<FastifyRequest, Context>();
  server.addHook("onRequest", (request, reply, done) => {
    if (request.routeOptions.url === "/healthz") return done();
    const { parent, links } = beginning(request, traces);
    const options = { kind: SpanKind.SERVER, attributes: attributesOf(request), links };
    const span = tracer.startSpan(nameOf(request), options, parent);
    const within = trace.setSpan(parent, span);
    open.set(request, within);
    // Also when the client goes away before its answer.
    reply.raw.once("close", () => end(span, reply.statusCode));
    context.with(within, done);
  });
  // Reading the body has left the context.
  server.addHook("preHandler", (request, _reply, done) => {
    context.with(open.get(request) ?? context.active(), done);
  });
}

/** Where the client's own trace goes on, or is linked to: the headers are anybody's word, and what is no trace context is ignored. */
function beginning({ headers }: FastifyRequest, traces: Config["traces"]) {
  const sent = propagation.extract(ROOT_CONTEXT, headers);
  const remote = trace.getSpanContext(sent);
  if (!remote || traces === "Continue") return { parent: sent, links: [] };
  return { parent: ROOT_CONTEXT, links: [{ context: remote }] };
}

function nameOf({ method, routeOptions: { url } }: FastifyRequest): string {
  const known = METHODS.has(method) ? method : "HTTP";
  return url === undefined ? known : `${known} ${url}`;
}

function attributesOf({
  method,
  url,
  protocol,
  raw,
  routeOptions: { url: route },
}: FastifyRequest): Attributes {
  const path = url.split("?", 1)[0] ?? "";
  return {
    "http.request.method": METHODS.has(method) ? method : "_OTHER",
    "url.scheme": protocol,
    "network.protocol.version": raw.httpVersion,
    ...(route !== undefined && { "http.route": route, "url.path": path.slice(0, MAX_PATH_CHARS) }),
  };
}

function end(span: Span, status: number): void {
  span.setAttribute("http.response.status_code", status);
  if (status >= 500)
    span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", String(status));
  span.end();
}

/** Events begin where the gateway does: their own trace context is forgotten. */
export const restarting =
  (publish: Publish): Publish =>
  (type, data, { cause, ...options } = {}) => {
    const { traceParent: _parent, traceState: _state, ...rest } = cause ?? {};
    return publish(type, data, { ...options, cause: rest });
  };
