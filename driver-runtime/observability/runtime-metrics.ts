import type { Link } from "../bus/link.ts";
import type { Metrics } from "./metrics.ts";

export type RuntimeMetrics = ReturnType<typeof runtimeMetrics>;

/** What the runtime counts, under names that are part of its documentation. Labels have few values: never ids or types. */
export function runtimeMetrics(metrics: Metrics) {
  const { counter, gauge, histogram } = metrics;
  const process_ = { memory: gauge("process_resident_memory_bytes", "Resident memory of the process.") };
  Object.assign(process_.memory, { collect: () => process_.memory.set(process.memoryUsage.rss()) });
  return {
    published: counter("vextir_driver_events_published_total", "Events that the bus acknowledged."),
    publishFailures: counter(
      "vextir_driver_publish_failures_total",
      "Events that could not be published, by error code.",
      ["code"],
    ),
    handled: counter(
      "vextir_driver_events_handled_total",
      "Deliveries by outcome: Succeeded, Retried, DeadLettered, GivenUp, Unmatched, Filtered, Dropped, Returned.",
      ["subscription", "outcome"],
    ),
    dropped: counter(
      "vextir_driver_events_dropped_total",
      "Messages that were no events, by what was wrong with them.",
      ["subscription", "reason"],
    ),
    handlingsDropped: counter(
      "vextir_driver_handlings_dropped_total",
      "Handlings that the ledger is not told of, because the bus did not take them in time.",
    ),
    schemaViolations: counter(
      "vextir_driver_schema_violations_total",
      "Events whose data breaks the registered schema of their type, by side: Published (refused), Received (given up).",
      ["side"],
    ),
    handling: histogram("vextir_driver_handling_duration_seconds", "Time that handlers took.", [
      "subscription",
    ]),
    inHand: gauge("vextir_driver_events_in_hand", "Events being handled.", ["subscription"]),
    pending: gauge(
      "vextir_driver_events_pending",
      "Events that wait for the subscription and were not delivered yet: its lag. Every replica says the same.",
      ["subscription"],
    ),
    consuming: gauge(
      "vextir_driver_subscription_consuming",
      "1 while the subscription's consumer answers, else 0.",
      ["subscription"],
    ),
    served: counter("vextir_driver_calls_served_total", "Calls answered, by outcome.", ["method", "outcome"]),
    serving: histogram("vextir_driver_call_duration_seconds", "Time that methods took.", ["method"]),
    called: counter("vextir_driver_calls_made_total", "Calls made, by outcome.", ["method", "outcome"]),
    modelRequests: counter(
      "vextir_driver_model_requests_total",
      "Requests to models by outcome: Answered, or the error's code.",
      ["model", "outcome"],
    ),
    modelSeconds: histogram(
      "vextir_driver_model_duration_seconds",
      "Time that models took, retries included.",
      ["model"],
    ),
    modelTokens: counter("vextir_driver_model_tokens_total", "Tokens by direction: In, Out.", [
      "model",
      "direction",
    ]),
    modelDollars: counter(
      "vextir_driver_model_dollars_total",
      "What models with a price have cost, in US dollars.",
      ["model"],
    ),
    live: counter("vextir_driver_live_messages_total", "Live messages, by outcome: Sent, Dropped.", [
      "outcome",
    ]),
    observedDropped: counter(
      "vextir_driver_observed_dropped_total",
      "Observed messages dropped because the driver was too slow.",
    ),
    connected: gauge("vextir_driver_bus_connected", "1 while connected to the bus, else 0."),
    reconnects: counter("vextir_driver_bus_reconnects_total", "Returns of a lost connection to the bus."),
    ready: gauge("vextir_driver_ready", "1 while ready, else 0."),
  };
}

/** A scrape waits no longer for the bus. */
const LAG_TIMEOUT_MS = 1_000;

interface Lagging {
  readonly label: string;
  pending(timeoutMs: number): Promise<number | undefined>;
}

/** Asks the bus at each scrape what waits for the subscriptions; one whose consumer doesn't answer is left out. */
export function watchLag(subscriptions: readonly Lagging[], { pending }: RuntimeMetrics): void {
  const ask = async (subscription: Lagging) => {
    const count = await subscription.pending(LAG_TIMEOUT_MS);
    if (count === undefined) pending.remove({ subscription: subscription.label });
    else pending.set({ subscription: subscription.label }, count);
  };
  const collect = () => Promise.all(subscriptions.map(ask));
  Object.assign(pending, { collect });
}

/** Keeps the connection's metrics. */
export function watchLink(link: Link, metrics: RuntimeMetrics): void {
  metrics.connected.set(1);
  link.onChange((up) => {
    metrics.connected.set(up ? 1 : 0);
    if (up) metrics.reconnects.inc();
  });
}
