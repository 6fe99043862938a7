import { type Attributes, SpanKind } from "@opentelemetry/api";
import type { Event, Lineage } from "../events/event.ts";
import type { SpanSpec, Traced } from "./tracing.ts";

const MAX_NAME_CHARS = 256;
const named = (verb: string, what: string) => `${verb} ${what}`.slice(0, MAX_NAME_CHARS);

/** OpenTelemetry's semantic conventions for messaging, of both sides. The destination is what programs name: the type. */
const messaging = (operation: "publish" | "process", type: string): Attributes => ({
  "messaging.system": "nats",
  "messaging.operation.name": operation,
  "messaging.operation.type": operation === "publish" ? "send" : "process",
  "messaging.destination.name": type,
});

/** What is said of an event: ids. Never its data, its user or its source. */
export const eventAttributes = (id: string, correlationId: string): Attributes => ({
  "messaging.message.id": id,
  "messaging.message.conversation_id": correlationId,
});

export const publishSpan = (type: string, cause: Lineage | undefined): SpanSpec => ({
  name: named("publish", type),
  kind: SpanKind.PRODUCER,
  attributes: messaging("publish", type),
  cause,
});

/**
 * The event's creation is its parent, as the conventions allow where a consumer handles messages one by one, and a link too, as they
 * ask for: so one trace leads from a request to its answer, and each attempt stands beside the others. What is replayed was made long
 * ago: its handling is a trace of its own.
 */
export const processSpan = (
  event: Event,
  subscription: string,
  attempt: number,
  replayed: boolean,
): SpanSpec => ({
  name: named("process", subscription),
  kind: SpanKind.CONSUMER,
  attributes: {
    ...messaging("process", event.type),
    ...eventAttributes(event.id, event.correlationId),
    "messaging.consumer.group.name": subscription,
    "vextir.publisher": event.publisher,
    "vextir.attempt": attempt,
  },
  cause: event,
  consumes: replayed ? "Link" : "Continue",
});

/** The conventions for RPC, of a method `<driver>.<method>`. */
const rpc = (method: string): Attributes => {
  const dot = method.lastIndexOf(".");
  return {
    "rpc.system": "vextir",
    "rpc.service": method.slice(0, Math.max(0, dot)),
    "rpc.method": method.slice(dot + 1),
  };
};

export const callSpan = (method: string, cause: Lineage | undefined): SpanSpec => ({
  name: named("call", method),
  kind: SpanKind.CLIENT,
  attributes: rpc(method),
  cause,
});

/** `method` is the driver's own: what callers name otherwise would be a span's name each time. */
export const serveSpan = (method: string, caller: string, cause: Lineage): SpanSpec => ({
  name: named("call", method),
  kind: SpanKind.SERVER,
  attributes: { ...rpc(method), "vextir.caller": caller },
  cause,
  consumes: "Continue",
});

/** The cause of what is done within a span: it comes from there. */
export function within(cause: Lineage | undefined, traced: Traced): Lineage {
  const { traceParent: _parent, traceState: _state, ...rest } = cause ?? {};
  return { ...rest, ...traced.place };
}

/** Options of a publish or a call within a span; without one as they are. */
export const inTrace = <O extends { cause?: Lineage }>(options: O, traced: Traced | undefined): O =>
  traced ? { ...options, cause: within(options.cause, traced) } : options;
