import {
  type Context,
  context,
  type Link,
  ROOT_CONTEXT,
  type Span,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { DriverError } from "../errors.ts";
import { readPlace, type TracePlace, writePlace } from "./trace-context.ts";
import type { SpanSpec, Traced, Tracing } from "./tracing.ts";

/** Spans by OpenTelemetry's API, whose provider is registered. */
export function spansOf(tracer: Tracer): Tracing {
  return {
    tracer,
    async inSpan(specify, work) {
      const { name, kind, attributes, cause, consumes } = specify();
      const { parent, links } = parentOf(cause, consumes);
      const span = tracer.startSpan(name, { kind, attributes, links }, parent);
      const traced = new SpanUnderWay(span);
      try {
        return await context.with(trace.setSpan(parent, span), () => work(traced));
      } catch (error) {
        traced.failed(errorType(error));
        throw error;
      } finally {
        span.end();
      }
    },
  };
}

class SpanUnderWay implements Traced {
  readonly span: Span;
  readonly place: TracePlace;

  constructor(span: Span) {
    this.span = span;
    this.place = writePlace(span.spanContext());
  }

  failed(type: string): void {
    // Without a message: an error's text may hold what the event did.
    this.span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", type);
  }
}

/** A code where there is one, else the class: both are few. */
export function errorType(error: unknown): string {
  if (error instanceof DriverError) return error.code;
  return error instanceof Error ? error.name.slice(0, 64) : typeof error;
}

/**
 * What caused it in this process goes before what the message says, as long as both are of one trace. Where they are not, the
 * message's trace goes on and a link leads to the other: an event stays in the trace that it was made in.
 */
function parentOf(
  cause: SpanSpec["cause"],
  consumes: SpanSpec["consumes"],
): { parent: Context; links: Link[] } {
  const here = consumes ? ROOT_CONTEXT : context.active();
  const active = trace.getSpanContext(here);
  const remote = cause && readPlace(cause);
  if (!remote || active?.traceId === remote.traceId) return { parent: here, links: [] };
  if (consumes === "Link") return { parent: here, links: [{ context: remote }] };
  const other = consumes ? remote : active;
  return { parent: trace.setSpanContext(here, remote), links: other ? [{ context: other }] : [] };
}
