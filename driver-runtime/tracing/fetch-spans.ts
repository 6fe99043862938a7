import { subscribe, unsubscribe } from "node:diagnostics_channel";
import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { writePlace } from "./trace-context.ts";

/** What undici, which Node's `fetch` is made of, tells of a request (its documentation, "Diagnostics Channel Support"). */
interface Asked {
  origin?: string | URL;
  path: string;
  method: string;
  addHeader(name: string, value: string): void;
}

/**
 * A client span for each `fetch`, whose request carries its trace. Of the URL a span tells where it leads, and nothing more: paths and
 * queries hold tokens (bots, webhooks, signed links). Answers what ends it.
 */
export function traceFetch(tracer: Tracer): () => void {
  const open = new WeakMap<Asked, Span>();
  const listeners: Record<string, (message: unknown) => void> = {
    "undici:request:create": (message) => {
      const { request } = message as { request: Asked };
      const attributes = attributesOf(request);
      // A tunnel through a proxy: what goes through it is a request of its own.
      if (!attributes || request.method === "CONNECT") return;
      const span = tracer.startSpan(request.method, { kind: SpanKind.CLIENT, attributes });
      open.set(request, span);
      const { traceParent, traceState } = writePlace(span.spanContext());
      if (traceParent) request.addHeader("traceparent", traceParent);
      if (traceState) request.addHeader("tracestate", traceState);
    },
    "undici:request:headers": (message) => {
      const { request, response } = message as { request: Asked; response: { statusCode: number } };
      const { statusCode } = response;
      const span = open.get(request)?.setAttribute("http.response.status_code", statusCode);
      if (statusCode >= 400) fail(span, String(statusCode));
    },
    "undici:request:trailers": (message) => open.get((message as { request: Asked }).request)?.end(),
    "undici:request:error": (message) => {
      const { request, error } = message as { request: Asked; error: Error & { code?: string } };
      const span = open.get(request);
      fail(span, error.code ?? error.name);
      span?.end();
    },
  };
  const safe = Object.entries(listeners).map(([channel, listener]) => [channel, harmless(listener)] as const);
  for (const [channel, listener] of safe) subscribe(channel, listener);
  return () => {
    for (const [channel, listener] of safe) unsubscribe(channel, listener);
  };
}

/** Never throws into whoever asks: a span is not worth a request. */
const harmless = (listener: (message: unknown) => void) => (message: unknown) => {
  try {
    listener(message);
  } catch {
    trace.getSpan(context.active())?.addEvent("vextir.untraced");
  }
};

function fail(span: Span | undefined, type: string): void {
  span?.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", type);
}

function attributesOf({ origin, path, method }: Asked): Attributes | undefined {
  // Asked of a proxy, the path is the whole URL.
  const url = URL.parse(path.startsWith("http") ? path : String(origin));
  if (!url) return undefined;
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  return {
    "http.request.method": method,
    "server.address": url.hostname,
    "server.port": port,
    "url.scheme": url.protocol.slice(0, -1),
  };
}
