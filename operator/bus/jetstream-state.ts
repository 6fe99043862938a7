import {
  type ConsumerConfig,
  DeliverPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  type StreamConfig,
} from "@nats-io/jetstream";
import { canonicalJson, streams, subjects } from "@vextir/api";
import { askJetStream } from "./jetstream-request.ts";
import type { Desired, DesiredConsumer } from "./streams.ts";
import type { TenantAdmin } from "./tenant-connections.ts";

/** Brings streams and consumers to what is desired: made when absent, changed only where they differ. */
export async function ensureStream(
  jetstream: JetStreamManager,
  desired: Desired<StreamConfig>,
): Promise<void> {
  const found = await unlessAbsent(() => jetstream.streams.info(desired.name));
  if (!found) await jetstream.streams.add(desired);
  else if (differs(found.config, desired)) await jetstream.streams.update(desired.name, desired);
}

/** @param ackedUpTo Where one that is made goes on, behind this place in the stream; absent: as its configuration says. */
export async function ensureConsumer(
  jetstream: JetStreamManager,
  { stream, config }: DesiredConsumer,
  ackedUpTo?: number,
): Promise<void> {
  const found = await unlessAbsent(() => jetstream.consumers.info(stream, config.name));
  if (!found) {
    // What begins at the first of a queue goes on by itself.
    const resumes = ackedUpTo !== undefined && config.deliver_policy === DeliverPolicy.New;
    await jetstream.consumers.add(stream, {
      ...config,
      ...(resumes && { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: ackedUpTo + 1 }),
    });
    return;
  }
  // Where it began can't be changed, nor need it be.
  const { deliver_policy: _, ...changeable } = config;
  if (differs(normalConfig(found.config), changeable))
    await jetstream.consumers.update(stream, config.name, changeable);
}

/** The streams that subscriptions are of. */
const CONSUMED = [streams.events, streams.handlings, streams.directed];

/** Names of the consumers that `isOwn` says are the driver's, by stream. */
export type PresentConsumers = ReadonlyMap<string, readonly string[]>;

export async function presentConsumers(
  admin: TenantAdmin,
  isOwn: (name: string) => boolean,
): Promise<PresentConsumers> {
  const lists = CONSUMED.map(
    async (stream) => [stream, (await consumerNames(admin, stream)).filter(isOwn)] as const,
  );
  return new Map(await Promise.all(lists));
}

/** Deletes those of `present` that are not to be kept. */
export async function removeConsumers(
  { jetstream }: TenantAdmin,
  present: PresentConsumers,
  keep: readonly DesiredConsumer[] = [],
): Promise<void> {
  for (const [stream, names] of present) {
    const kept = new Set(keep.filter((one) => one.stream === stream).map(({ config }) => config.name));
    for (const name of names.filter((one) => !kept.has(one)))
      await unlessAbsent(() => jetstream.consumers.delete(stream, name));
  }
}

/** What waits for the driver in DIRECTED. */
export async function removeDirected(jetstream: JetStreamManager, driver: string): Promise<void> {
  const filter = subjects.directed(driver, "*", ">");
  await unlessAbsent(() => jetstream.streams.purge(streams.directed, { filter }));
}

export async function removeStream(jetstream: JetStreamManager, name: string): Promise<void> {
  await unlessAbsent(() => jetstream.streams.delete(name));
}

export async function removeAllStreams(jetstream: JetStreamManager): Promise<void> {
  const names: string[] = [];
  for await (const name of jetstream.streams.names()) names.push(name);
  for (const name of names) await removeStream(jetstream, name);
}

const MAX_PAGES = 1_000;

/** All consumers of a stream; none where there is no such stream. */
export const consumerNames = async (admin: TenantAdmin, stream: string): Promise<string[]> =>
  (await unlessAbsent(() => namesOf(admin, stream))) ?? [];

/** Names alone, which the client library does not offer: a page holds four times what a page of details does. */
async function namesOf({ connection }: TenantAdmin, stream: string): Promise<string[]> {
  const names: string[] = [];
  for (let page = 0; page < MAX_PAGES; page++) {
    const { consumers, total = 0 } = await askJetStream<NamesAnswer>(
      connection,
      `$JS.API.CONSUMER.NAMES.${stream}`,
      JSON.stringify({ offset: names.length }),
    );
    names.push(...(consumers ?? []));
    if (!consumers?.length || names.length >= total) break;
  }
  return names;
}

interface NamesAnswer {
  consumers?: string[] | null;
  total?: number;
}

/** Undefined: there is no such stream or consumer. */
export async function unlessAbsent<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof JetStreamApiError && ABSENT.has(error.code)) return undefined;
    throw error;
  }
}

const ABSENT = new Set<number>([JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound]);

/** In the fields that are desired; a false, zero or empty one may be left out by the server. */
function differs(found: object, desired: object): boolean {
  return Object.entries(desired).some(([field, want]) => {
    const have = (found as Record<string, unknown>)[field];
    return canonicalJson(have || null) !== canonicalJson(want || null);
  });
}

/** The server gives a single filter back in another field, and adds words of its own to the metadata. */
function normalConfig(config: ConsumerConfig): ConsumerConfig {
  const own = Object.entries(config.metadata ?? {}).filter(([name]) => !name.startsWith("_nats."));
  return {
    ...config,
    ...(config.filter_subject && { filter_subjects: [config.filter_subject] }),
    metadata: Object.fromEntries(own),
  };
}
