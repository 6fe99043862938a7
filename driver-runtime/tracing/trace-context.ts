import { createTraceState, isSpanContextValid, type SpanContext, TraceFlags } from "@opentelemetry/api";

/** Where in a trace something was caused, as W3C Trace Context writes it. What a message says of it is data: anybody may name any trace. */
export interface TracePlace {
  readonly traceParent?: string;
  readonly traceState?: string;
}

const TRACE_PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
/** Later versions may add parts; no header that anybody needs is longer. */
const MAX_CHARS = 512;
/** Printable, as section 3.3.1 has it: what may stand in a header line. */
const TRACE_STATE = /^[\x20-\x7e]{1,512}$/;

/** What a span's parent is known by. Undefined for what is no trace parent (W3C Trace Context, section 3.2): it is as if it weren't there. */
export function readPlace({ traceParent, traceState }: TracePlace): SpanContext | undefined {
  if (traceParent === undefined || traceParent.length > MAX_CHARS) return undefined;
  const [, version = "ff", traceId = "", spanId = "", flags = "0", more] =
    TRACE_PARENT.exec(traceParent) ?? [];
  if (version === "ff" || (version === "00" && more !== undefined)) return undefined;
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED;
  const read = { traceId, spanId, traceFlags, isRemote: true };
  if (!isSpanContextValid(read)) return undefined;
  return { ...read, ...(isTraceState(traceState) && { traceState: createTraceState(traceState) }) };
}

/** As messages carry it; the same words serve headers of HTTP and metadata of gRPC. */
export function writePlace({ traceId, spanId, traceFlags, traceState }: SpanContext): TracePlace {
  const state = traceState?.serialize();
  return {
    traceParent: `00-${traceId}-${spanId}-0${traceFlags & TraceFlags.SAMPLED}`,
    ...(state && { traceState: state }),
  };
}

export const isTraceState = (text: string | undefined): text is string =>
  text !== undefined && TRACE_STATE.test(text);
