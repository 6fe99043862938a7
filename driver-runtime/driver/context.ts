import type { Tracer } from "@opentelemetry/api";
import type { Logger } from "pino";
import type { Call } from "../calls/call.ts";
import type { ContextHub } from "../context/hub.ts";
import type { Event, Lineage, Publish } from "../events/event.ts";
import type { Once, State } from "../state/state.ts";
import type { Live } from "./runtime.ts";

/** What a handler is given with its event. `publish` and `call` carry the event's lineage. */
export interface Context {
  readonly event: Event;
  /** 1 at the first delivery. */
  readonly attempt: number;
  /** When the bus stored the event, in milliseconds since the epoch. */
  readonly storedMs: number;
  /** Aborted when the attempt's work is no longer wanted: the driver stops and its grace period is over, or the handler ran too long. */
  readonly signal: AbortSignal;
  /** Carries driver, event id, type and attempt. */
  readonly log: Logger;
  readonly publish: Publish;
  readonly call: Call;
  readonly state: State;
  readonly once: Once;
  readonly live: Live;
  /** The context hub, on behalf of the event's user. */
  readonly context: ContextHub;
  /** Spans of the handler's own are children of the runtime's; nothing happens in them where tracing is off. */
  readonly tracer: Tracer;
  /** Tells the bus that the handler is still at work. The runtime does so by itself; see `maxHandlingMs`. */
  working(): void;
}

/** What a method is given with its input. `publish` and `call` carry the caller's lineage. */
export interface CallContext extends Lineage {
  /** The calling driver, by the server's word. */
  readonly caller: string;
  readonly method: string;
  /** When the caller stops waiting, in milliseconds since the epoch. */
  readonly deadline: number;
  /** Aborted at the deadline, and when the driver stops and its grace period is over. */
  readonly signal: AbortSignal;
  readonly log: Logger;
  readonly publish: Publish;
  readonly call: Call;
  readonly state: State;
  readonly once: Once;
  readonly live: Live;
  readonly tracer: Tracer;
}
