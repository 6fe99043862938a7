import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "@nats-io/jetstream";
import {
  consumerName,
  durationMs,
  type EventBusSpec,
  lanesOf,
  quantityBytes,
  type Subscription,
  streamOf,
  streams,
  subjects,
} from "@vextir/api";
import { BusError, type DriverIdentity } from "./authority.ts";
import { disjointPatterns } from "./pattern-sets.ts";

/** The fields of a stream or consumer that the authority decides; the server fills in the others. */
export type Desired<T> = Partial<T> & { name: string };

/** A consumer and the stream that it is of. */
export interface DesiredConsumer {
  stream: string;
  config: Desired<ConsumerConfig>;
}

/** The consumers of a subscription in one stream. */
export interface DesiredSubscription {
  /** What the names of all of them are or begin with. */
  name: string;
  stream: string;
  consumers: readonly DesiredConsumer[];
}

const NS_PER_MS = 1e6;
/** The runtime gives up after half of it. The server holds every id in memory for as long, and an id may be a megabyte. */
const RETRIED_MS = 60_000;

/** Within it a redrive or a page of a replay may be repeated. Only the operator's ids are held as long, which are short. */
const REPEATED_MS = 10 * 60_000;
/** What an event has in DIRECTED beyond its own. */
const DIRECTED_HEADER_BYTES = 4_096;

/** Some fifty thousand of them. */
const ADVISORIES_BYTES = 16 * 2 ** 20;
/** By which the operator reads the advisories. */
export const ADVISORIES_CONSUMER = "operator";
/** The leader dies with them in hand: the next one has them after this. */
const ADVISORY_WAIT_MS = 10_000;

export const advisoriesConsumer = (replicas: number): DesiredConsumer => ({
  stream: streams.advisories,
  config: {
    name: ADVISORIES_CONSUMER,
    durable_name: ADVISORIES_CONSUMER,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ADVISORY_WAIT_MS * NS_PER_MS,
    max_deliver: -1,
    deliver_policy: DeliverPolicy.All,
    num_replicas: replicas,
  },
});

/** @throws BusError `Invalid` when the spec's limits contradict each other. */
export function tenantStreams(
  namespace: string,
  spec: EventBusSpec,
  replicas: number,
): Desired<StreamConfig>[] {
  const windowMs = durationMs(spec.duplicateWindow);
  return [
    {
      ...kept(replicas, spec),
      ...limits(spec.events),
      max_msgs_per_subject: spec.events.maxMsgsPerSubject ?? -1,
      name: streams.events,
      subjects: ["evt.>"],
      duplicate_window: window(`EventBus of ${namespace}`, windowMs, durationMs(spec.events.maxAge)),
      republish: { src: "evt.>", dest: "pub.>" },
    },
    {
      ...kept(replicas, spec),
      ...limits(spec.deadLetters),
      name: streams.deadLetters,
      subjects: ["dlq.>"],
      duplicate_window: Math.min(RETRIED_MS, durationMs(spec.deadLetters.maxAge)) * NS_PER_MS,
    },
    {
      ...kept(replicas, spec),
      ...limits(spec.handlings),
      name: streams.handlings,
      subjects: ["run.>"],
      duplicate_window: Math.min(windowMs, durationMs(spec.handlings.maxAge)) * NS_PER_MS,
    },
    {
      ...kept(replicas, spec),
      ...limits(spec.directed),
      max_msg_size: quantityBytes(spec.maxEventBytes) + DIRECTED_HEADER_BYTES,
      name: streams.directed,
      subjects: ["to.>"],
      // What was handled is gone; what there is no room for is refused, since it is the only copy of a dead letter.
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.New,
      duplicate_window: Math.min(REPEATED_MS, durationMs(spec.directed.maxAge)) * NS_PER_MS,
    },
    {
      ...kept(replicas, spec),
      name: streams.advisories,
      subjects: ["$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>"],
      retention: RetentionPolicy.Workqueue,
      discard: DiscardPolicy.Old,
      max_bytes: ADVISORIES_BYTES,
      // An event is not kept for longer, but where that is for ever.
      max_age: durationMs(spec.deadLetters.maxAge) * NS_PER_MS,
    },
  ];
}

/**
 * A driver's own bucket: a stream in the KV convention of NATS (ADR-8), without rollups (one key's would wipe the bucket)
 * and consumers (watching goes by the republished changes).
 */
export function bucketStream(driver: string, spec: EventBusSpec, replicas: number): Desired<StreamConfig> {
  return {
    ...kept(replicas, spec),
    name: streams.state(driver),
    subjects: [subjects.state(driver, ">")],
    max_bytes: quantityBytes(spec.state.maxBytes),
    max_age: 0,
    max_msgs_per_subject: 1,
    // A full bucket refuses what is new instead of dropping what is old.
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_msg_ttl: true,
    duplicate_window: RETRIED_MS * NS_PER_MS,
    republish: { src: subjects.state(driver, ">"), dest: subjects.stateChange(driver, ">") },
  };
}

const kept = (replicas: number, spec: EventBusSpec) => ({
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  num_replicas: replicas,
  max_msg_size: quantityBytes(spec.maxEventBytes),
  allow_rollup_hdrs: false,
  allow_direct: false,
});

const limits = ({ maxAge, maxBytes }: EventBusSpec["events"]) => ({
  max_age: durationMs(maxAge) * NS_PER_MS,
  max_bytes: quantityBytes(maxBytes),
  discard: DiscardPolicy.Old,
});

function window(object: string, windowMs: number, maxAgeMs: number): number {
  if (maxAgeMs === 0 || windowMs <= maxAgeMs) return windowMs * NS_PER_MS;
  throw new BusError(
    "Invalid",
    `${object}: duplicateWindow must not exceed events.maxAge: what is gone can't be known`,
  );
}

/**
 * Deliveries beyond the subscription's `maxDeliver`. The runtime dead-letters the event at that attempt; these are for
 * when it could not: its pod died in the last attempt, or the dead letters could not be written. The server gives up
 * (and thereby loses the event for this subscription) only after them.
 */
export const DEAD_LETTER_DELIVERIES = 10;

/** @throws BusError `Invalid` when types overlap or a duration is none that JetStream takes. */
export function ownSubscription(
  driver: DriverIdentity,
  subscription: Subscription,
  replicas: number,
): DesiredSubscription {
  const common = deliveryConfig(driver, subscription, replicas);
  const field = `subscriptions.${subscription.name}.types`;
  const types = disjointPatterns(driver, field, subscription.types);
  return {
    name: consumerName(driver.name, subscription.name),
    stream: streamOf(subscription),
    consumers: lanesOf(driver.name, { ...subscription, types }).map((lane) => ({
      stream: lane.stream,
      config: {
        ...common,
        name: lane.consumer,
        durable_name: lane.consumer,
        filter_subjects: lane.filterSubjects,
        max_ack_pending: lane.maxAckPending,
        // A driver is told what happens from its installation on, not last week's events.
        deliver_policy: DeliverPolicy.New,
      },
    })),
  };
}

/** Whether the subscription of a consumer keeps dead letters: said there, where whoever knows no Driver can read it. */
const DEAD_LETTERS = "vextir.io/dead-letters";
export const keepsDeadLetters = ({ metadata }: Pick<ConsumerConfig, "metadata">): boolean =>
  metadata?.[DEAD_LETTERS] === "true";

/**
 * What is sent to the subscription alone. Delivered as its own events are, but beside them: neither holds the other up, and nothing is
 * said of the order between the two.
 *
 * @throws BusError `Invalid` as `ownSubscription`
 */
export function directedSubscription(
  driver: DriverIdentity,
  subscription: Subscription,
  replicas: number,
): DesiredSubscription {
  const name = consumerName(driver.name, subscription.name);
  const config = {
    ...deliveryConfig(driver, subscription, replicas),
    name,
    durable_name: name,
    filter_subjects: [subjects.directed(driver.name, subscription.name, ">")],
    max_ack_pending: subscription.delivery.maxAckPending,
    // Of a queue nothing may be left out, and what waits for a driver is meant for it.
    deliver_policy: DeliverPolicy.All,
  };
  return { name, stream: streams.directed, consumers: [{ stream: streams.directed, config }] };
}

function deliveryConfig(
  driver: DriverIdentity,
  { name, delivery }: Subscription,
  replicas: number,
): Partial<ConsumerConfig> {
  const ackWaitMs = durationMs(delivery.ackWait);
  if (ackWaitMs < 1)
    throw new BusError(
      "Invalid",
      `Driver ${driver.namespace}/${driver.name}: subscriptions.${name}.delivery.ackWait must be longer than nothing`,
    );
  return {
    ack_policy: AckPolicy.Explicit,
    ack_wait: ackWaitMs * NS_PER_MS,
    max_deliver: delivery.maxDeliver + DEAD_LETTER_DELIVERIES,
    num_replicas: replicas,
    metadata: { [DEAD_LETTERS]: String(delivery.deadLetter) },
  };
}
