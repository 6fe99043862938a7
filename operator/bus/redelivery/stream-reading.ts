import { randomUUID } from "node:crypto";
import { AckPolicy, DeliverPolicy, type JsMsg } from "@nats-io/jetstream";
import type { TenantAdmin } from "../tenant-connections.ts";

export interface Reading {
  stream: string;
  /** Of subjects; they must not overlap. */
  filters: readonly string[];
  /** Sequence of the first message that is looked at. */
  from?: number;
  /** Only what was stored then or later; not with `from`. */
  since?: Date;
  /** Without the content of messages. */
  headersOnly?: boolean;
}

/** Messages asked for at a time: the largest ones together fit in memory. */
const BATCH = 64;
const FETCH_MS = 2_000;
/** Whoever reads may die: what he read by goes by itself. */
const INACTIVE_NS = 30e9;

/**
 * Messages of a stream in their order, as far as there are some now, until `take` says that it is enough. Nothing else is changed by it.
 */
export async function readStream(
  { jetstream }: TenantAdmin,
  { stream, filters, from, since, headersOnly }: Reading,
  take: (message: JsMsg) => boolean | Promise<boolean>,
): Promise<void> {
  const { name, num_pending } = await jetstream.consumers.add(stream, {
    name: `read-${randomUUID()}`,
    filter_subjects: [...filters],
    ack_policy: AckPolicy.None,
    inactive_threshold: INACTIVE_NS,
    num_replicas: 1,
    headers_only: headersOnly ?? false,
    ...startOf(from, since),
  });
  try {
    const consumer = await jetstream.jetstream().consumers.get(stream, name);
    for (let left = num_pending; left > 0; ) {
      let came = 0;
      for await (const message of await consumer.fetch({
        max_messages: Math.min(BATCH, left),
        expires: FETCH_MS,
      })) {
        came++;
        if (!(await take(message))) return;
      }
      // Others delete meanwhile.
      if (came === 0) return;
      left -= came;
    }
  } finally {
    await jetstream.consumers.delete(stream, name).catch(() => {});
  }
}

function startOf(from: number | undefined, since: Date | undefined) {
  if (from !== undefined && from > 1)
    return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from };
  if (since) return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since.toISOString() };
  return { deliver_policy: DeliverPolicy.All };
}
