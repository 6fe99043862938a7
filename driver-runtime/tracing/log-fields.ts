import { trace } from "@opentelemetry/api";

/** Which span a line was written in, by the names of OpenTelemetry's "Trace Context in non-OTLP Log Formats". */
export function logFields(): Record<string, string> {
  const span = trace.getActiveSpan()?.spanContext();
  if (!span) return {};
  return { trace_id: span.traceId, span_id: span.spanId, trace_flags: `0${span.traceFlags}` };
}
