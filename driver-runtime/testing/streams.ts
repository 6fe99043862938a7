import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import { consumerName, type DriverFile, durationMs, lanesOf, streams, subjects } from "@vextir/api";

const kept = { storage: StorageType.File, max_bytes: 512 * 1_048_576, allow_rollup_hdrs: false };
const NS_PER_MS = 1e6;

/** What the operator makes on a tenant's bus, in small: the streams, the driver's consumers and its bucket. */
export async function makeStreams(jetstream: JetStreamManager, file: DriverFile): Promise<void> {
  await jetstream.streams.add({
    ...kept,
    name: streams.events,
    subjects: ["evt.>"],
    max_msg_size: file.maxEventBytes,
    republish: { src: "evt.>", dest: "pub.>" },
  });
  await jetstream.streams.add({
    ...kept,
    name: streams.deadLetters,
    subjects: ["dlq.>"],
    max_msg_size: file.maxEventBytes,
  });
  await jetstream.streams.add({ ...kept, name: streams.handlings, subjects: ["run.>"] });
  await jetstream.streams.add({
    ...kept,
    name: streams.directed,
    subjects: ["to.>"],
    retention: RetentionPolicy.Workqueue,
  });
  await makeConsumers(jetstream, file);
  if (file.capabilities.state) await makeBucket(jetstream, file.name);
}

export async function makeConsumers(
  jetstream: JetStreamManager,
  { name, subscriptions }: DriverFile,
): Promise<void> {
  for (const subscription of subscriptions) {
    const { delivery } = subscription;
    const common = {
      ack_policy: AckPolicy.Explicit,
      ack_wait: durationMs(delivery.ackWait) * NS_PER_MS,
      // The runtime gives up at `maxDeliver`; the server only after some more.
      max_deliver: delivery.maxDeliver + 10,
      deliver_policy: DeliverPolicy.All,
    };
    for (const { stream, consumer, filterSubjects, maxAckPending } of lanesOf(name, subscription))
      await jetstream.consumers.add(stream, {
        ...common,
        durable_name: consumer,
        filter_subjects: filterSubjects,
        max_ack_pending: maxAckPending,
      });
    await jetstream.consumers.add(streams.directed, {
      ...common,
      durable_name: consumerName(name, subscription.name),
      filter_subject: subjects.directed(name, subscription.name, ">"),
      max_ack_pending: delivery.maxAckPending,
    });
  }
}

async function makeBucket(jetstream: JetStreamManager, driver: string): Promise<void> {
  await jetstream.streams.add({
    ...kept,
    name: streams.state(driver),
    subjects: [subjects.state(driver, ">")],
    max_msgs_per_subject: 1,
    discard: DiscardPolicy.New,
    allow_direct: true,
    allow_msg_ttl: true,
    republish: { src: subjects.state(driver, ">"), dest: subjects.stateChange(driver, ">") },
  });
}
