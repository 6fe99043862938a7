import type { OperatorLimits } from "@nats-io/jwt";
import type { AccountQuotas } from "./authority.ts";

/** The server decodes a limit that is left out to 0, "none allowed": so every one is written. */
const NO_LIMITS = {
  subs: -1,
  data: -1,
  payload: -1,
  imports: -1,
  exports: -1,
  conn: -1,
  wildcards: true,
} as const;

const NO_JETSTREAM = {
  mem_storage: 0,
  disk_storage: 0,
  streams: 0,
  consumer: 0,
  mem_max_stream_bytes: 0,
  disk_max_stream_bytes: 0,
  max_bytes_required: false,
  max_ack_pending: 0,
} as const;

/** Where nothing lower is said: what the most replicas of a Driver can need. */
const DRIVER_CONNECTIONS = 4_200;
/** Of one connection; a runaway loop of subscriptions ends here, not in the server's memory. */
const DRIVER_SUBSCRIPTIONS = 10_000;

/** Without JetStream, or a driver could make streams of its own. */
export const driverLimits = (maxPayloadBytes: number, quotas: AccountQuotas = {}): OperatorLimits => ({
  ...NO_LIMITS,
  ...NO_JETSTREAM,
  leaf: 0,
  conn: Math.min(DRIVER_CONNECTIONS, quotas.connections ?? DRIVER_CONNECTIONS),
  subs: Math.min(DRIVER_SUBSCRIPTIONS, quotas.subscriptions ?? DRIVER_SUBSCRIPTIONS),
  payload: maxPayloadBytes,
  disallow_bearer: true,
});

/**
 * Of one stream. "No limit" means the server's default of 1,000 (nats-server 2.15), which many subscriptions of a tenant
 * would reach, ordered ones sooner: each has several consumers.
 */
const STREAM_CONSUMERS = 100_000;

/** On disk only, and no stream without a size: what a tenant keeps is bounded by its streams. */
export const busLimits = (): OperatorLimits => ({
  ...NO_LIMITS,
  leaf: 0,
  mem_storage: 0,
  disk_storage: -1,
  streams: -1,
  consumer: STREAM_CONSUMERS,
  mem_max_stream_bytes: 0,
  disk_max_stream_bytes: 0,
  max_bytes_required: true,
  max_ack_pending: -1,
  disallow_bearer: true,
});

/** Of the realm's own accounts. Only the one of the auth callout takes a bearer: the sentinel, which may do nothing. */
export const realmLimits = (bearer: boolean): OperatorLimits => ({
  ...NO_LIMITS,
  ...NO_JETSTREAM,
  leaf: 0,
  disallow_bearer: !bearer,
});
