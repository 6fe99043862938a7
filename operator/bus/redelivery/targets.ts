import type { ConsumerInfo } from "@nats-io/jetstream";
import { consumerName, matches, normalizePatterns, streams, subscriptionOfConsumer } from "@vextir/api";
import { consumerNames, unlessAbsent } from "../jetstream-state.ts";
import type { TenantAdmin } from "../tenant-connections.ts";

/** A subscription that events can be sent to: as the bus has it, so that nothing is sent to what isn't there. */
export interface Target {
  driver: string;
  subscription: string;
  /** Stream of its events. */
  stream: string;
  /** Whether it is given an event of this type by itself, as far as the bus decides that. */
  takes(type: string): boolean;
  /** Patterns of types. */
  types: readonly string[];
}

/** By the name of their subscription. A driver has few. */
export async function targetsOf(
  admin: TenantAdmin,
  stream: string,
  driver: string,
): Promise<ReadonlyMap<string, Target>> {
  // Of several lanes one is enough: they differ in their partitions alone.
  const own = new Map<string, string>();
  for (const consumer of await consumerNames(admin, stream)) {
    const of = subscriptionOfConsumer(consumer);
    if (of?.driver === driver) own.set(of.subscription, consumer);
  }
  const found = await Promise.all(
    [...own].map(([subscription, consumer]) => targetOf(admin, { stream, driver, subscription, consumer })),
  );
  return new Map(found.filter((one) => one !== undefined).map((one) => [one.subscription, one]));
}

/** Undefined: nothing can be sent to it. */
async function targetOf(
  { jetstream }: TenantAdmin,
  at: { stream: string; driver: string; subscription: string; consumer: string },
): Promise<Target | undefined> {
  const { stream, driver, subscription, consumer } = at;
  const [own, directed] = await Promise.all([
    unlessAbsent(() => jetstream.consumers.info(stream, consumer)),
    unlessAbsent(() => jetstream.consumers.info(streams.directed, consumerName(driver, subscription))),
  ]);
  if (!own || !directed) return undefined;
  const types = typesOf(own);
  return { driver, subscription, stream, types, takes: (type) => types.some((one) => matches(one, type)) };
}

/** `evt.*.*.<type>`, `evt.*.<partition>.<type>` */
const typesOf = ({ config }: ConsumerInfo): string[] =>
  normalizePatterns(
    (config.filter_subjects ?? [config.filter_subject ?? ""]).map((subject) =>
      subject.split(".").slice(3).join("."),
    ),
  );
