import type { NatsConnection } from "@nats-io/nats-core";
import type { Tracer } from "@opentelemetry/api";
import type { Logger } from "pino";
import type { Call } from "../calls/call.ts";
import type { OfferedTool } from "../calls/offered.ts";
import type { Behalf, ContextHub } from "../context/hub.ts";
import type { Event, LiveMessage, Publish } from "../events/event.ts";
import type { Models } from "../models/model.ts";
import type { Metrics } from "../observability/metrics.ts";
import type { Once, State } from "../state/state.ts";
import type { Tools } from "../tools/tools.ts";

/** Sends an ephemeral message on `live.<driver>.<topic>`: not stored, not acknowledged; throws only for bad input. */
export type Live = (topic: string, data: unknown) => void;

export interface Observation {
  stop(): void;
}

/** Calls back for what a granted pattern lets this driver see: events by type, or `live.<driver>.<topic>` messages. */
export interface Observe {
  <T = unknown>(
    pattern: `live.${string}`,
    seen: (message: LiveMessage<T>) => void | Promise<void>,
    options?: ObserveOptions,
  ): Observation;
  <T = unknown>(
    pattern: string,
    seen: (event: Event<T>) => void | Promise<void>,
    options?: ObserveOptions,
  ): Observation;
}

export interface ObserveOptions {
  /** Messages waiting for the callback; the oldest beyond are dropped, counted and told. Default 1,024. */
  maxQueued?: number;
  /** Told how many messages were dropped since it was last told. */
  onDropped?: (count: number) => void;
}

/** What the runtime gives a driver. */
export interface Runtime {
  readonly name: string;
  readonly namespace: string;
  /** As parsed by the driver's schema. */
  readonly config: unknown;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  /** Aborted when the driver is told to stop. */
  readonly signal: AbortSignal;
  readonly publish: Publish;
  readonly call: Call;
  readonly state: State;
  readonly once: Once;
  readonly live: Live;
  readonly observe: Observe;
  readonly models: Models;
  readonly tools: Tools;
  /** Offers these tools beside those of the code, in place of what was offered before. @throws DriverError `InvalidInput` */
  offer(tools: readonly OfferedTool[]): void;
  /** A secret of `configSecretRefs` as it is now, which may have been renewed. @throws DriverError `InvalidConfig` */
  secret(name: string): Promise<string>;
  /** The context hub; `behalf` says on whose and because of what. */
  contextOn(behalf: Behalf): ContextHub;
  /** Number to listen on for the port of this name. @throws DriverError `NotFound` when the Driver has none. */
  port(name: string): number;
  /** Address to listen on; undefined: all of them. */
  readonly listenHost: string | undefined;
  readonly bus: { readonly connection: NatsConnection };
}
