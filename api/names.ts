import { z } from "zod";
import { ruled } from "./kinds/rules.ts";

/**
 * A Driver's name: a DNS label of at most 40 characters, so that every child's derived name stays a label. It begins with a
 * letter, since its Service's name must (RFC 1035).
 */
export const DriverName = z
  .string()
  .min(1)
  .max(40)
  .regex(
    /^[a-z]([-a-z0-9]*[a-z0-9])?$/,
    "a DNS label: lower-case letters, digits and '-', beginning with a letter",
  );

/** A namespace's name (RFC 1123 label, at most 63 characters). */
export const NamespaceName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "a DNS label: lower-case letters, digits and '-'");

/** A subscription's name within its Driver; with the driver's name it makes the consumer's name. */
export const SubscriptionName = z
  .string()
  .min(1)
  .max(40)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "a DNS label: lower-case letters, digits and '-'");

const TOKEN = "[A-Za-z0-9_-]+";

/** An event's type: `chat.message.received`. Each part is one token of a NATS subject. `live.` is kept for live topics. */
export const EventType = z
  .string()
  .min(1)
  .max(200)
  .regex(
    new RegExp(`^(?!live(\\.|$))${TOKEN}(\\.${TOKEN})*$`),
    "dot-separated parts of letters, digits, '_' and '-'",
  );

/** A driver's name within a pattern, as `DriverName`. */
const DRIVER = "[a-z]([-a-z0-9]{0,38}[a-z0-9])?";
const PATTERN = `>|(${TOKEN}|\\*)(\\.(${TOKEN}|\\*))*(\\.>)?`;
const TOPIC = `((\\.(${TOKEN}|\\*))+(\\.>)?|\\.>)`;
const LIVE = `live\\.${DRIVER}${TOPIC}`;
const LIVE_PATTERN = new RegExp(`^${LIVE}$`);
const LIVE_BOUND = `live\\.(${DRIVER}|\\*)${TOPIC}`;
const isLive = (pattern: string) => pattern === "live" || pattern.startsWith("live.");

const pattern = z
  .string()
  .min(1)
  .max(200)
  // Go's regular expressions, which check the CRD, have no lookahead: `live` is left to a rule.
  .regex(new RegExp(`^(${PATTERN})$`), "dot-separated parts; '*' for one part, a final '>' for one or more");

/** A pattern of event types: `*` stands for one part, a final `>` for one or more. */
export const TypePattern = ruled(pattern, {
  cel: "self != 'live' && !self.startsWith('live.')",
  message: "'live.' is kept for live topics, which can only be observed",
  holds: (text) => !isLive(text),
});

/** A live topic as observed by another driver: `live.<driver>.<topic…>`; `*` and `>` within the topic. */
export const LivePattern = z
  .string()
  .max(200)
  .regex(LIVE_PATTERN, "live.<driver>.<topic…>, with '*' and a final '>' within the topic");

const NAMESPACE = "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?";
/** What another tenant shares is named with its namespace before it. */
const SHARED = `@${NAMESPACE}\\.`;

/** A pattern that may begin with the namespace of another tenant, which shares what it names: `@shop.order.placed`. */
const sharedPattern = z
  .string()
  .min(1)
  .max(265)
  .regex(
    new RegExp(`^(${SHARED})?(${PATTERN})$`),
    "dot-separated parts; '*' for one part, a final '>' for one or more; '@<namespace>.' before what another tenant shares",
  );

/** The namespace of another tenant, if there is one, and the pattern within it. */
export function parseShared(text: string): { namespace: string | undefined; pattern: string } {
  if (!text.startsWith("@")) return { namespace: undefined, pattern: text };
  const dot = text.indexOf(".");
  return { namespace: text.slice(1, dot), pattern: text.slice(dot + 1) };
}

/** What a driver may watch: a `TypePattern`, also one that another tenant shares, or a `LivePattern`. */
export const ObservePattern = ruled(sharedPattern, {
  cel: `self != 'live' && (!self.startsWith('live.') || self.matches('^${LIVE.replaceAll("\\", "\\\\")}$'))`,
  message: "a live topic is live.<driver>.<topic…>, with '*' and a final '>' within the topic",
  holds: (text) => !isLive(text) || LIVE_PATTERN.test(text),
});

/** What may be watched at most: as `ObservePattern`, and `*` for the driver of a live topic. */
export const ObserveBound = ruled(sharedPattern, {
  cel: `self != 'live' && (!self.startsWith('live.') || self.matches('^${LIVE_BOUND.replaceAll("\\", "\\\\")}$'))`,
  message:
    "a live topic is live.<driver>.<topic…>, with '*' for the driver or within the topic, and a final '>'",
  holds: (text) => !isLive(text) || new RegExp(`^${LIVE_BOUND}$`).test(text),
});

/** A method's name: one token. */
export const MethodName = z
  .string()
  .min(1)
  .max(60)
  .regex(new RegExp(`^${TOKEN}$`), "letters, digits, '_' and '-'");

const CALL = `(${DRIVER}|\\*)\\.([A-Za-z0-9_-]{1,60}|\\*)`;

/** Methods of a tenant's own drivers: `<driver>.<method>`; either part may be `*`. */
export const MethodPattern = z
  .string()
  .max(120)
  .regex(new RegExp(`^${CALL}$`), "<driver>.<method>, '*' for a part");

/** A granted call: a `MethodPattern`, also one that another tenant shares: `@<namespace>.<driver>.<method>`. */
export const CallPattern = z
  .string()
  .max(185)
  .regex(
    new RegExp(`^(${SHARED})?${CALL}$`),
    "<driver>.<method>, '*' for a part; '@<namespace>.' before what another tenant shares",
  );

/** A collection of the context hub. */
export const CollectionName = z
  .string()
  .min(1)
  .max(200)
  .regex(
    /^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$/,
    "letters, digits, '-', '_', '.' and '/', beginning and ending with a letter or digit",
  );

/** A Model object's name. */
export const ModelName = z
  .string()
  .min(1)
  .max(63)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    "a name of a Kubernetes object: lower-case letters, digits, '-' and '.'",
  );

/** Whether `type` is matched by `pattern` (the rules of NATS subjects). */
export function matches(pattern: string, type: string): boolean {
  const want = pattern.split(".");
  const have = type.split(".");
  for (const [i, part] of want.entries()) {
    if (part === ">") return have.length > i;
    if (have[i] === undefined || (part !== "*" && part !== have[i])) return false;
  }
  return want.length === have.length;
}

/** Whether everything that `inner` matches is matched by `outer` too. */
export const covers = (outer: string, inner: string) => partsCover(outer.split("."), inner.split("."));

/** Tells of a pattern whether one of these covers it. */
export function coveredByOneOf(outer: readonly string[]): (inner: string) => boolean {
  const split = outer.map((pattern) => pattern.split("."));
  return (inner) => {
    const parts = inner.split(".");
    return split.some((want) => partsCover(want, parts));
  };
}

/** The pattern of what both patterns match; undefined when that is nothing. */
export function meet(a: string, b: string): string | undefined {
  const left = a.split(".");
  const right = b.split(".");
  const both: string[] = [];
  for (let i = 0; ; i++) {
    const x = left[i];
    const y = right[i];
    if (x === undefined || y === undefined) return x === y ? both.join(".") : undefined;
    if (x === ">") return [...both, ...right.slice(i)].join(".");
    if (y === ">") return [...both, ...left.slice(i)].join(".");
    if (x !== "*" && y !== "*" && x !== y) return undefined;
    both.push(x === "*" ? y : x);
  }
}

/** Whether some type is matched by both patterns. */
export const overlaps = (a: string, b: string) => partsOverlap(a.split("."), b.split("."));

/** A pattern, split once: sets of patterns are compared pair by pair. */
type Parts = readonly string[];

/** What another tenant shares is meant by its name alone: no wildcard for a part of one's own types or methods means it. */
const isForeign = ([first = ""]: Parts) => first.startsWith("@");

function partsCover(want: Parts, have: Parts): boolean {
  if (isForeign(want) !== isForeign(have)) return false;
  for (const [i, part] of want.entries()) {
    if (part === ">") return have.length > i;
    const other = have[i];
    if (other === undefined || other === ">") return false;
    if (part !== "*" && part !== other) return false;
  }
  return want.length === have.length;
}

function partsOverlap(left: Parts, right: Parts): boolean {
  if (isForeign(left) !== isForeign(right)) return false;
  for (let i = 0; ; i++) {
    const x = left[i];
    const y = right[i];
    if (x === undefined || y === undefined) return x === y;
    if (x === ">" || y === ">") return true;
    if (x !== "*" && y !== "*" && x !== y) return false;
  }
}

/** The pattern of all types that both match; undefined when there are none. */
export function intersection(a: string, b: string): string | undefined {
  const left = a.split(".");
  const right = b.split(".");
  const common: string[] = [];
  for (let i = 0; ; i++) {
    const x = left[i];
    const y = right[i];
    if (x === undefined || y === undefined) return x === y ? common.join(".") : undefined;
    if (x === ">") return [...common, ...right.slice(i)].join(".");
    if (y === ">") return [...common, ...left.slice(i)].join(".");
    if (x !== "*" && y !== "*" && x !== y) return undefined;
    common.push(x === "*" ? y : x);
  }
}

/** The patterns without those that another one covers; order kept, duplicates dropped. */
export function normalizePatterns(patterns: readonly string[]): string[] {
  return normalized(patterns).map(({ pattern }) => pattern);
}

function normalized(patterns: readonly string[]): { pattern: string; parts: Parts }[] {
  const unique = [...new Set(patterns)].map((pattern) => ({ pattern, parts: pattern.split(".") }));
  return unique.filter((p) => !unique.some((q) => q !== p && partsCover(q.parts, p.parts)));
}

/** Pairs that overlap although neither covers the other: JetStream and account imports take no such set. */
export function partialOverlaps(patterns: readonly string[]): [string, string][] {
  const set = normalized(patterns);
  return set.flatMap((a, i) =>
    set
      .slice(i + 1)
      .flatMap((b): [string, string][] => (partsOverlap(a.parts, b.parts) ? [[a.pattern, b.pattern]] : [])),
  );
}
