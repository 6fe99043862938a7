import { hash } from "node:crypto";
import { EventType } from "../names.ts";
import type { Origin } from "./streams.ts";

/** Partitions of the events: a key's events share one, so their order can be kept. */
export const PARTITIONS = 64;

/** Partition of a key: the first four bytes of its SHA-256, big endian, modulo `PARTITIONS`. */
export function partitionOf(key: string): number {
  return hash("sha256", key, "buffer").readUInt32BE(0) % PARTITIONS;
}

/** The grammar of subjects, in the tenant's bus account where not said otherwise. Every subject is made and read here. */
export const subjects = {
  /** A stored event. */
  event: (publisher: string, partition: number | "*", type: string) =>
    `evt.${publisher}.${partition}.${type}`,
  /** The stored event, republished for observers. */
  published: (publisher: string, type: string) => `pub.${publisher}.*.${type}`,
  /** The same of another tenant, as an observer imports it. */
  sharedPublished: (namespace: string, type: string) => `xpub.${namespace}.*.*.${type}`,
  deadLetter: (driver: string, type: string) => `dlq.${driver}.${type}`,
  /** What became of deliveries to a driver, many in one message; `rest` is `<partition>.<type>`. */
  handling: (driver: string, rest: string) => `run.${driver}.${rest}`,
  /** An event that is sent to one subscription; `rest` is its subject without the root: `<publisher>.<partition>.<type>`. */
  directed: (driver: string, subscription: string, rest: string) => `to.${driver}.${subscription}.${rest}`,
  /** What a subscription of this type selects, of one partition or of all. */
  subscribed: (from: Origin, type: string, partition: number | "*" = "*") =>
    `${from === "Handlings" ? "run" : "evt"}.*.${partition}.${type}`,
  /** A call; lives in the callee's account. */
  call: (callee: string, method: string, caller: string) => `call.${callee}.${method}.${caller}`,
  /** A call of another tenant's method, as the caller imports it; the callee sees `<caller>@<its namespace>` call. */
  sharedCall: (namespace: string, callee: string, method: string) => `xcall.${namespace}.${callee}.${method}`,
  /** Ephemeral progress; lives in the driver's own account. */
  live: (driver: string, topic: string) => `live.${driver}.${topic}`,
  /** A key of a driver's own bucket. */
  state: (driver: string, key: string) => `$KV.${driver}.${key}`,
  /** A change of a driver's own bucket, republished. */
  stateChange: (driver: string, key: string) => `kvw.${driver}.${key}`,
  /** A caller's knock at a driver that may sleep; in the bus account, where the operator listens. */
  wake: (driver: string) => `wake.${driver}`,
  /** The same of another tenant, as the caller imports it. */
  sharedWake: (namespace: string, driver: string) => `xwake.${namespace}.${driver}`,
  /** A question how a driver is scaled; in the operator's own account, where its leader answers. */
  scalingOf: (namespace: string, driver: string) => `scaling.${namespace}.${driver}`,
  /** The operator's question what a pod has in hand; in the driver's own account, where each of its pods answers. */
  inHand: "vextir.in-hand",
  /** The runtime's report of its manifest: a driver's account imports its own `reportOf` under this name. */
  report: "vextir.report",
  /** The report in the system account `vextir`, where the operator listens. */
  reportOf: (namespace: string, driver: string) => `report.${namespace}.${driver}`,
} as const;

/** The answer to a knock on `subjects.wake`. */
export interface KnockAnswer {
  /** The driver is started for those who call it. */
  wakes: boolean;
}

/** JetStream's API as a driver sees it: the bus account's `$JS.API`, imported under this prefix. */
export const BUS_API_PREFIX = "BUS.API";

export interface EventSubject {
  publisher: string;
  partition: number;
  type: string;
}

/**
 * Reads `evt.…` or `pub.…`, and what another tenant shares, `xpub.…`, whose publisher is `<driver>@<namespace>`: no driver's own
 * name has an `@`. Undefined when it is none of them.
 */
export function parseEventSubject(subject: string): EventSubject | undefined {
  if (!subject.startsWith("xpub.")) return parseSubject(subject, ["evt", "pub"]);
  const [, namespace = "", ...rest] = subject.split(".");
  const event = parseSubject(["pub", ...rest].join("."), ["pub"]);
  return event && { ...event, publisher: `${event.publisher}@${namespace}` };
}

/** Reads `run.…`, the subject of handlings; undefined when it is none. */
export const parseHandlingsSubject = (subject: string) => parseSubject(subject, ["run"]);

export interface DirectedSubject {
  driver: string;
  subscription: string;
  /** Subject of the event without its root: `<publisher>.<partition>.<type>`. */
  rest: string;
}

/** Reads `to.…`; undefined when it is none. */
export function parseDirectedSubject(subject: string): DirectedSubject | undefined {
  const [root, driver, subscription, ...parts] = subject.split(".");
  const rest = parts.join(".");
  if (root !== "to" || !driver || !subscription || !parseSubject(`evt.${rest}`, ["evt"])) return undefined;
  return { driver, subscription, rest };
}

function parseSubject(subject: string, roots: readonly string[]): EventSubject | undefined {
  const [root, publisher, partition = "", ...parts] = subject.split(".");
  if (!roots.includes(root ?? "") || !publisher) return undefined;
  if (!/^\d{1,2}$/.test(partition) || Number(partition) >= PARTITIONS) return undefined;
  // NATS stores subjects with a literal `*` or `>` too; they are no types, and would be wildcards wherever they are put in.
  const type = parts.join(".");
  return EventType.safeParse(type).success ? { publisher, partition: Number(partition), type } : undefined;
}
