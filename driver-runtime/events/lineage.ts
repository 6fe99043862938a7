import { CE_PREFIX, decodeValue, EXTENSIONS } from "@vextir/api";
import { isTraceState } from "../tracing/trace-context.ts";
import type { Event, Lineage } from "./event.ts";

/** The lineage extensions of what `cause` brought about, by CloudEvents name. An event without a cause is its own root. */
export function lineageAttributes(cause: Lineage | undefined, id: string): Record<string, string> {
  const attributes: Record<string, string> = {
    [EXTENSIONS.correlation]: cause?.correlationId ?? cause?.id ?? id,
    [EXTENSIONS.hops]: String(cause?.id === undefined ? (cause?.hops ?? 0) : (cause.hops ?? 0) + 1),
  };
  if (cause?.id !== undefined) attributes[EXTENSIONS.causation] = cause.id;
  if (cause?.userId !== undefined) attributes[EXTENSIONS.user] = cause.userId;
  if (cause?.partitionKey !== undefined) attributes[EXTENSIONS.partitionKey] = cause.partitionKey;
  if (cause?.traceParent !== undefined) {
    attributes[EXTENSIONS.traceParent] = cause.traceParent;
    // It means nothing without the other (W3C Trace Context, section 3.3).
    if (isTraceState(cause.traceState)) attributes[EXTENSIONS.traceState] = cause.traceState;
  }
  return attributes;
}

/**
 * What tells an event without a cause from others of its publisher that have its source and id: a publisher may speak for many
 * senders (a gateway does), and gives each of their events a correlation of its own. Undefined where the id says all.
 */
export const rootOf = (event: Pick<Event, "id" | "correlationId" | "causationId">): string | undefined =>
  event.causationId === undefined && event.correlationId !== event.id ? event.correlationId : undefined;

/** The lineage of a call passes through it unchanged: a call is no event. */
export function callAttributes(cause: Lineage | undefined): Record<string, string> {
  if (!cause) return {};
  const { [EXTENSIONS.correlation]: correlation, ...rest } = lineageAttributes(cause, "");
  return {
    ...rest,
    ...(correlation && { [EXTENSIONS.correlation]: correlation }),
    [EXTENSIONS.hops]: String(cause.hops ?? 0),
  };
}

/** Reads what `callAttributes` wrote. */
export function callLineage(attributes: ReadonlyMap<string, string>): Lineage {
  const get = (name: string) => {
    const value = attributes.get(`${CE_PREFIX}${name}`);
    return value === undefined ? undefined : decodeValue(value);
  };
  const lineage = {
    id: get(EXTENSIONS.causation),
    correlationId: get(EXTENSIONS.correlation),
    userId: get(EXTENSIONS.user),
    partitionKey: get(EXTENSIONS.partitionKey),
    traceParent: get(EXTENSIONS.traceParent),
    traceState: get(EXTENSIONS.traceState),
    hops: hopsOf(get(EXTENSIONS.hops)),
  };
  return Object.fromEntries(Object.entries(lineage).filter(([, value]) => value !== undefined));
}

/** A hop count that is no number counts as 0: lineage is data, and the check is against loops of honest drivers. */
export function hopsOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : 0;
}
