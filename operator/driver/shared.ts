import {
  type Capabilities,
  type Driver,
  type DriverSpec,
  EVENT_BUS_NAME,
  EventBusSpec,
  matches,
  parseShared,
} from "@vextir/api";
import type { BusAuthority, SharedByTenant } from "../bus/authority.ts";
import type { Cluster, ObjectKey } from "../cluster.ts";
import { sharesOf } from "../event-bus/sharing.ts";
import { KINDS } from "../kinds.ts";
import { boundedBus } from "../policy/bus-quotas.ts";
import type { PolicyGate } from "../policy/gate.ts";
import { type BusOutcome, outcomeOf } from "./bus-access.ts";

interface SharedParts {
  cluster: Cluster;
  gate: PolicyGate;
}

/** What other tenants share with the driver's own, as far as its grants name them. */
export async function sharedWith(
  driver: Driver,
  { capabilities }: { capabilities: Pick<Capabilities, "call" | "observe"> },
  { cluster, gate }: SharedParts,
): Promise<SharedByTenant[]> {
  const { namespace = "" } = driver.metadata;
  const named = new Set(
    [...capabilities.call, ...capabilities.observe]
      .map((grant) => parseShared(grant).namespace)
      .filter((other) => other !== undefined),
  );
  if (named.size === 0) return [];
  const specs = new Map<string, EventBusSpec>();
  for (const one of [namespace, ...named]) {
    const spec = await eventBusSpec(cluster, one);
    const policies = await gate.policies(one);
    if (spec && policies) specs.set(one, boundedBus(spec, policies).spec);
  }
  const shares = sharesOf(namespace, (of) => specs.get(of)).filter((share) => named.has(share.namespace));
  return Promise.all(
    shares.map(async (share) => ({ ...share, peers: await callees(share.namespace, { cluster, gate }) })),
  );
}

/**
 * For a Driver that is left as it is (paused, refused, or with a bus that can't be changed now): what others have withdrawn goes all the
 * same, or a tenant could keep it by breaking its own objects.
 */
export async function limitShared(
  driver: Driver,
  spec: DriverSpec | undefined,
  parts: SharedParts & { bus: Pick<BusAuthority, "limitShared"> },
): Promise<BusOutcome> {
  const { namespace = "", name, uid = "" } = driver.metadata;
  const capabilities = spec?.capabilities ?? { call: [], observe: [] };
  const shared = await sharedWith(driver, { capabilities }, parts);
  return outcomeOf(() => parts.bus.limitShared({ namespace, name, uid, capabilities, shared }));
}

/** Drivers of other tenants that may call this one: they look again when it comes or goes. */
export async function foreignCallers(
  cluster: Cluster,
  namespace: string,
  name: string,
): Promise<ObjectKey[]> {
  const spec = await eventBusSpec(cluster, namespace);
  const offered = (spec?.exports ?? []).filter(({ methods }) =>
    methods.some((method) => matches(method.slice(0, method.indexOf(".")), name)),
  );
  const found: ObjectKey[] = [];
  for (const other of new Set(offered.flatMap(({ to }) => to))) {
    const drivers = await cluster.list(KINDS.Driver, { namespace: other });
    for (const { metadata, spec: wanted } of drivers)
      if (wanted?.capabilities?.call?.some((grant) => grant.startsWith(`@${namespace}.`)))
        found.push({ namespace: other, name: metadata.name });
  }
  return found;
}

async function callees(namespace: string, { cluster, gate }: SharedParts): Promise<Map<string, string>> {
  const drivers = await cluster.list(KINDS.Driver, { namespace });
  const there = drivers.filter(({ metadata }) => metadata.uid && !metadata.deletionTimestamp);
  const admitted = await gate.admitted(namespace, there);
  return new Map(admitted.map(({ metadata }) => [metadata.name, metadata.uid ?? ""]));
}

async function eventBusSpec(cluster: Cluster, namespace: string): Promise<EventBusSpec | undefined> {
  const bus = await cluster.get(KINDS.EventBus, { namespace, name: EVENT_BUS_NAME });
  if (!bus || bus.metadata.deletionTimestamp) return undefined;
  return EventBusSpec.safeParse(bus.spec ?? {}).data;
}
