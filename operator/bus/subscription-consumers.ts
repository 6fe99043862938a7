import type { ConsumerInfo, MsgRequest } from "@nats-io/jetstream";
import { forEachBounded } from "../bounded.ts";
import { ensureConsumer, presentConsumers, removeConsumers, unlessAbsent } from "./jetstream-state.ts";
import type { DesiredConsumer, DesiredSubscription } from "./streams.ts";
import type { TenantAdmin } from "./tenant-connections.ts";

/** The server writes each to the disk; of more at a time the last ones would be waited for in vain. */
const AT_A_TIME = 8;

export interface SubscriptionsOf {
  desired: readonly DesiredSubscription[];
  /** Whether the driver is meant by a consumer's name. */
  isOwn: (consumer: string) => boolean;
  /** Where a consumer that is gone goes on, behind this place in the stream; undefined: not known. */
  ackedUpTo: (consumer: { stream: string; name: string }) => number | undefined;
}

/**
 * Makes a driver have the consumers that are desired, and no others. Where a subscription's consumers are others than
 * before (its order was edited), the new ones begin where the old ones are, and only then the old ones go: nothing is
 * skipped, also when this ends in the middle. What was in hand, and what was done already behind something that was not,
 * is delivered again.
 */
export async function ensureSubscriptions(admin: TenantAdmin, given: SubscriptionsOf): Promise<void> {
  const { desired, isOwn } = given;
  const present = await presentConsumers(admin, isOwn);
  const starts = await Promise.all(
    desired.map(async (subscription) => {
      const done = await doneBySuperseded(admin, subscription, present.get(subscription.stream) ?? []);
      return subscription.consumers.map((consumer) => ({
        consumer,
        ackedUpTo: done ?? given.ackedUpTo(nameOf(consumer)),
      }));
    }),
  );
  await forEachBounded(starts.flat(), AT_A_TIME, ({ consumer, ackedUpTo }) =>
    ensureConsumer(admin.jetstream, consumer, ackedUpTo),
  );
  await removeConsumers(
    admin,
    present,
    desired.flatMap(({ consumers }) => consumers),
  );
}

const nameOf = ({ stream, config }: DesiredConsumer) => ({ stream, name: config.name });

/** Up to where in the stream the subscription's consumers that are no longer desired have done everything; undefined: there are none. */
async function doneBySuperseded(
  admin: TenantAdmin,
  { name, stream, consumers }: DesiredSubscription,
  present: readonly string[],
): Promise<number | undefined> {
  const wanted = new Set(consumers.map(({ config }) => config.name));
  const isOfIt = (consumer: string) => consumer === name || consumer.startsWith(`${name}_`);
  const superseded = present.filter((consumer) => isOfIt(consumer) && !wanted.has(consumer));
  if (superseded.length === 0) return undefined;
  const first = await firstUndone(admin, stream, superseded, (consumer) => consumer !== name);
  return first === undefined ? undefined : first - 1;
}

/** The first sequence that one of these consumers may still have something to do for. */
async function firstUndone(
  admin: TenantAdmin,
  stream: string,
  names: readonly string[],
  isLane: (name: string) => boolean,
): Promise<number | undefined> {
  // Read first: an event that is stored afterwards comes to the new consumers in any case.
  const { state } = await admin.jetstream.streams.info(stream);
  const firsts = await Promise.all(
    names.map(async (name) => {
      const info = await unlessAbsent(() => admin.jetstream.consumers.info(stream, name));
      return info && ((await nextOf(admin, info, isLane(name))) ?? state.last_seq + 1);
    }),
  );
  const known = firsts.filter((first) => first !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** Undefined: everything that is stored is done. */
async function nextOf(
  { jetstream }: TenantAdmin,
  info: ConsumerInfo,
  isLane: boolean,
): Promise<number | undefined> {
  const { config, delivered, ack_floor, num_ack_pending } = info;
  // The only one that a lane ever has in hand is the last that was delivered; its floor may be as old as its last event.
  if (num_ack_pending > 0 && isLane) return delivered.stream_seq;
  if (num_ack_pending > 0) return ack_floor.stream_seq + 1;
  // The stream is asked, and not the consumer for its `num_pending`: on a cluster that one may not have heard of the last events yet.
  const filters = config.filter_subjects ?? [config.filter_subject ?? ">"];
  const found = await Promise.all(
    filters.map(async (next_by_subj) => {
      const query = { seq: delivered.stream_seq + 1, next_by_subj } as MsgRequest;
      return (await unlessAbsent(() => jetstream.streams.getMessage(info.stream_name, query)))?.seq;
    }),
  );
  const sequences = found.filter((seq) => seq !== undefined);
  return sequences.length === 0 ? undefined : Math.min(...sequences);
}
