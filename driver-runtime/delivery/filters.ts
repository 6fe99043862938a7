import { compileFilters, EXTENSIONS, type Filter, SPEC_VERSION } from "@vextir/api";
import { DriverError } from "../errors.ts";
import type { Event } from "../events/event.ts";

/** Whether an event passes all filters of a subscription. @throws DriverError `InvalidDriver` for a filter that is none. */
export function filtering(filters: readonly Filter[]): (event: Event) => boolean {
  if (filters.length === 0) return () => true;
  try {
    const test = compileFilters(filters);
    return (event) => test((attribute) => attributeOf(event, attribute));
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new DriverError("InvalidDriver", `a filter of the subscription is not understood: ${text}`, {
      cause: error,
    });
  }
}

const KEYS: ReadonlyMap<string, keyof Event> = new Map([
  ["id", "id"],
  ["type", "type"],
  ["source", "source"],
  ["subject", "subject"],
  ["time", "time"],
  ["datacontenttype", "dataContentType"],
  ["dataschema", "dataSchema"],
  [EXTENSIONS.correlation, "correlationId"],
  [EXTENSIONS.causation, "causationId"],
  [EXTENSIONS.user, "userId"],
  [EXTENSIONS.hops, "hops"],
  [EXTENSIONS.partitionKey, "partitionKey"],
  [EXTENSIONS.traceParent, "traceParent"],
  [EXTENSIONS.traceState, "traceState"],
] as const);

/** Always text: a header doesn't say which type its attribute had. */
function attributeOf(event: Event, attribute: string): string | undefined {
  if (attribute === "specversion") return SPEC_VERSION;
  const key = KEYS.get(attribute);
  if (key === undefined)
    return Object.hasOwn(event.extensions, attribute) ? event.extensions[attribute] : undefined;
  const value = event[key];
  return value === undefined ? undefined : String(value);
}
