import type { Import } from "@nats-io/jwt";
import { BUS_API_PREFIX, consumerName, consumersOf, streamOf, streams, subjects } from "@vextir/api";
import type { DriverAccess } from "./authority.ts";
import { disjointPatterns } from "./pattern-sets.ts";
import { type SharedSources, sharedImports } from "./shared-imports.ts";

/** Ids of the accounts that a driver may import from. */
export interface ImportSources extends SharedSources {
  /** The tenant's bus account. */
  bus: string;
  /** The operator's own account. */
  vextir: string;
}

/**
 * Everything that exists in a driver's world beside its own account: exactly its grants. Nothing else decides what a
 * driver may do. Nobody checks the reply subject of a message, so no import may let a driver make the server send to a
 * subject of the bus account: replies stay in the driver's own account, where nobody else listens.
 *
 * @throws BusError `Invalid` when granted patterns overlap.
 */
export function importsFor(access: DriverAccess, sources: ImportSources): Import[] {
  return [
    ...publishing(access, sources.bus),
    ...consuming(access, sources.bus),
    ...state(access, sources.bus),
    ...calling(access, sources),
    ...observing(access, sources),
    ...sharedImports(access, sources),
    {
      ...service("report", sources.vextir, subjects.reportOf(access.namespace, access.name)),
      local_subject: subjects.report,
    },
  ];
}

function publishing(access: DriverAccess, bus: string): Import[] {
  if (access.publishHeldBack) return [];
  return disjointPatterns(access, "capabilities.publish", access.capabilities.publish).map((type) =>
    service("publish", bus, subjects.event(access.name, "*", type)),
  );
}

function consuming(access: DriverAccess, bus: string): Import[] {
  const { name, subscriptions, publishHeldBack } = access;
  // What comes by itself, and what the operator sends to it.
  const consumers = subscriptions
    .flatMap((subscription) => [
      ...consumersOf(name, subscription).map((consumer) => `${streamOf(subscription)}.${consumer}`),
      `${streams.directed}.${consumerName(name, subscription.name)}`,
    ])
    .flatMap((consumer) => [
      api("consumer", bus, `CONSUMER.INFO.${consumer}`),
      api("pull", bus, `CONSUMER.MSG.NEXT.${consumer}`),
      service("ack", bus, `$JS.ACK.${consumer}.>`),
    ]);
  if (publishHeldBack) return consumers;
  const keepsDead = subscriptions.some((subscription) => subscription.delivery.deadLetter);
  const handles = subscriptions.some((subscription) => subscription.from === "Events");
  return [
    ...consumers,
    ...(keepsDead ? [service("dead-letter", bus, subjects.deadLetter(name, ">"))] : []),
    // What became of its own deliveries, and of nobody else's: the name is fixed.
    ...(handles ? [service("handling", bus, subjects.handling(name, ">"))] : []),
  ];
}

function state({ name, capabilities, publishHeldBack }: DriverAccess, bus: string): Import[] {
  if (!capabilities.state) return [];
  const bucket = streams.state(name);
  return [
    ...(publishHeldBack ? [] : [service("state-put", bus, subjects.state(name, ">"))]),
    api("state-get", bus, `DIRECT.GET.${bucket}`),
    api("state-get-last", bus, `DIRECT.GET.${bucket}.${subjects.state(name, ">")}`),
    stream("state-watch", bus, subjects.stateChange(name, ">")),
  ];
}

function calling(access: DriverAccess, sources: ImportSources): Import[] {
  return [...grantedCalls(access)].flatMap(([callee, methods]) => {
    const account = sources.driver(access.peers.get(callee) ?? "");
    const granted = methods.has("*") ? ["*"] : [...methods];
    const calls = granted.map((method) =>
      service("call", account, subjects.call(callee, method, access.name)),
    );
    // Nobody else than those who may call it can keep it awake.
    return access.publishHeldBack ? calls : [...calls, service("wake", sources.bus, subjects.wake(callee))];
  });
}

/** Methods by callee, of the callees that there are. Its own methods a driver reaches without a grant. */
function grantedCalls({ name, capabilities, peers }: DriverAccess): Map<string, Set<string>> {
  const calls = new Map<string, Set<string>>();
  for (const pattern of capabilities.call) {
    if (isShared(pattern)) continue;
    const [driver = "", method = ""] = pattern.split(".");
    const callees = driver === "*" ? [...peers.keys()] : [driver];
    for (const callee of callees) {
      if (callee === name || !peers.has(callee)) continue;
      calls.set(callee, (calls.get(callee) ?? new Set()).add(method));
    }
  }
  return calls;
}

/** `>` stands for every event type, and for no live topic: the two are never compared. */
function observing(access: DriverAccess, sources: ImportSources): Import[] {
  const { observe } = access.capabilities;
  const types = observe.filter((pattern) => !isLive(pattern) && !isShared(pattern));
  const topics = observe.filter(isLive);
  return [
    ...disjointPatterns(access, "capabilities.observe", types).map((type) =>
      stream("observe", sources.bus, subjects.published("*", type)),
    ),
    ...disjointPatterns(access, "capabilities.observe", topics).flatMap((pattern) => {
      const [, driver = "", ...topic] = pattern.split(".");
      const uid = access.peers.get(driver);
      if (uid === undefined || driver === access.name || topic.length === 0) return [];
      return [stream("live", sources.driver(uid), subjects.live(driver, topic.join(".")))];
    }),
  ];
}

const isShared = (pattern: string) => pattern.startsWith("@");
const isLive = (pattern: string) => pattern.startsWith("live.");

/** Names of the drivers whose accounts `importsFor` imports from. */
export function importedPeers(access: DriverAccess): string[] {
  const observed = access.capabilities.observe
    .filter(isLive)
    .flatMap((pattern) => pattern.split(".").slice(1, 2))
    .filter((peer) => peer !== access.name && access.peers.has(peer));
  return [...new Set([...grantedCalls(access).keys(), ...observed])];
}

const service = (name: string, account: string, subject: string): Import => ({
  name,
  account,
  subject,
  local_subject: subject,
  type: "service",
});

const stream = (name: string, account: string, subject: string): Import => ({
  ...service(name, account, subject),
  type: "stream",
});

/** Under a prefix of its own: `$JS.API` is that of the driver's account, which has no JetStream. */
const api = (name: string, account: string, subject: string): Import => ({
  ...service(name, account, `$JS.API.${subject}`),
  local_subject: `${BUS_API_PREFIX}.${subject}`,
});
