import { canonicalJson, type EventBusSpec } from "@vextir/api";

/** What one tenant exports to another, which imports it. */
export interface Share {
  /** Of the tenant that exports. */
  namespace: string;
  types: readonly string[];
  methods: readonly string[];
}

/**
 * What others share with this tenant: both sides have to say so. Whichever takes its word back ends it.
 *
 * @param specOf The spec of a namespace's EventBus; undefined: it has none, or none that is ready.
 */
export function sharesOf(
  namespace: string,
  specOf: (namespace: string) => Pick<EventBusSpec, "exports" | "imports"> | undefined,
): Share[] {
  const found = new Map<string, { types: string[]; methods: string[] }>();
  for (const wanted of specOf(namespace)?.imports ?? []) {
    if (wanted.namespace === namespace) continue;
    const offered = specOf(wanted.namespace)?.exports.find(({ name }) => name === wanted.name);
    if (!offered?.to.includes(namespace)) continue;
    const share = found.get(wanted.namespace) ?? { types: [], methods: [] };
    share.types.push(...offered.types);
    share.methods.push(...offered.methods);
    found.set(wanted.namespace, share);
  }
  return [...found].map(([from, { types, methods }]) => ({
    namespace: from,
    types: [...new Set(types)],
    methods: [...new Set(methods)],
  }));
}

/** Namespaces for which it makes a difference that a tenant's exports changed. */
export function sharers(before: EventBusSpec | undefined, now: EventBusSpec | undefined): string[] {
  const [were = [], are = []] = [before?.exports, now?.exports];
  if (canonicalJson(were) === canonicalJson(are)) return [];
  return [...new Set([...were, ...are].flatMap(({ to }) => to))];
}
