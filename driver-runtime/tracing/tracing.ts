import type { Attributes, Span, SpanKind, Tracer } from "@opentelemetry/api";
import type { TracePlace } from "./trace-context.ts";

export interface SpanSpec {
  name: string;
  kind: SpanKind;
  attributes: Attributes;
  /** What brought it about, by the message's word. */
  cause?: TracePlace | undefined;
  /**
   * It begins with a message from the bus: nothing in this process caused it. `Continue`: its cause is its parent, with a link to it
   * too; `Link`: a trace of its own, with a link to its cause.
   */
  consumes?: "Continue" | "Link";
}

/** A span under way, and where messages that it causes say that they come from. */
export interface Traced {
  readonly span: Span;
  readonly place: TracePlace;
  /** It failed, though its work doesn't throw. `type`: a code or a class, never a message, which may hold what was worked on. */
  failed(type: string): void;
}

/** Spans of what the runtime does. */
export interface Tracing {
  readonly tracer: Tracer;
  /** Runs `work` within a span, which ends with it; without tracing just runs it. `spec` is asked for only where there is a span. */
  inSpan<T>(spec: () => SpanSpec, work: (traced: Traced | undefined) => Promise<T>): Promise<T>;
}
