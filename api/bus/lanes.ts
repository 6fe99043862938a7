import { passingTypes } from "../filters/index.ts";
import { ORDERED_LANES, type Subscription } from "../kinds/driver.ts";
import { consumerName, streamOf } from "./streams.ts";
import { PARTITIONS, subjects } from "./subjects.ts";

/** A durable pull consumer of a subscription. */
export interface Lane {
  stream: string;
  consumer: string;
  /** Disjoint from those of the subscription's other lanes; together they select what the subscription is given. */
  filterSubjects: string[];
  /** Events in hand over all pods. */
  maxAckPending: number;
}

type Ordered = Pick<Subscription, "name" | "ordering" | "lanes" | "delivery">;

/** Names of the consumers that a subscription has; nothing else says which they are. */
export function consumersOf(driver: string, subscription: Ordered): string[] {
  const name = consumerName(driver, subscription.name);
  const count = laneCount(subscription);
  // With their number in the name: lane 3 of 16 has other partitions than lane 3 of 8, so it must be another consumer.
  return count === undefined
    ? [name]
    : Array.from({ length: count }, (_, lane) => `${name}_${count}-${lane}`);
}

const CONSUMER = /^([^_]+)_([^_]+)(_\d+-\d+)?$/;

/** Whose consumer it is, by a name that `consumersOf` gave; undefined when it is none. */
export function subscriptionOfConsumer(name: string): { driver: string; subscription: string } | undefined {
  const [, driver, subscription] = CONSUMER.exec(name) ?? [];
  return driver && subscription ? { driver, subscription } : undefined;
}

/** The consumers of a subscription with what each of them selects. */
export function lanesOf(driver: string, subscription: Subscription): Lane[] {
  const { from, types, filters, ordering, delivery } = subscription;
  // What is delivered again comes behind what was delivered after it, so nothing may be.
  const maxAckPending = ordering === "ByKey" ? 1 : delivery.maxAckPending;
  const stream = streamOf(subscription);
  const passing = passingTypes(types, filters);
  const consumers = consumersOf(driver, subscription);
  return consumers.map((consumer, lane) => ({
    stream,
    consumer,
    maxAckPending,
    filterSubjects: partitionsOf(lane, consumers.length).flatMap((partition) =>
      passing.map((type) => subjects.subscribed(from, type, partition)),
    ),
  }));
}

/** Undefined: no order, one consumer for everything. Fewer events in hand than lanes: as many lanes as events. */
function laneCount({ ordering, lanes = ORDERED_LANES, delivery }: Ordered): number | undefined {
  return ordering === "ByKey" ? Math.min(lanes, delivery.maxAckPending) : undefined;
}

function partitionsOf(lane: number, lanes: number): (number | "*")[] {
  if (lanes === 1) return ["*"];
  return Array.from({ length: PARTITIONS }, (_, partition) => partition).filter((p) => p % lanes === lane);
}
