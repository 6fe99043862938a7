import {
  type CapabilityBounds,
  coveredByOneOf,
  type DriverSpec,
  hostCovers,
  parseHostPattern,
} from "@vextir/api";
import { type Excess, listed } from "../violation.ts";
import { coversName } from "./names.ts";

/** A value of the Driver, and whether a bound's entry allows it. */
interface Grant {
  field: string;
  value: string;
}

const grantsOf = (field: string, values: readonly string[]): Grant[] =>
  values.map((value, index) => ({ field: `${field}[${index}]`, value }));

/**
 * Grants that no single entry of their bound covers. Two entries that cover a pattern only together don't count: what a policy
 * allows is to be read line by line.
 */
export function capabilityExcess(spec: DriverSpec, bounds: CapabilityBounds): Excess[] {
  const { capabilities, subscriptions } = spec;
  const own = (field: keyof typeof capabilities & string, values: readonly string[]) =>
    grantsOf(`spec.capabilities.${field}`, values);
  const types = subscriptions.flatMap((subscription, index) =>
    grantsOf(`spec.subscriptions[${index}].types`, subscription.types),
  );
  return [
    ...beyond("publish", own("publish", capabilities.publish), bounds.publish, coveredByOneOf),
    ...beyond("subscribe", types, bounds.subscribe, coveredByOneOf),
    ...beyond("observe", own("observe", capabilities.observe), bounds.observe, observedByOneOf),
    ...beyond("call", own("call", capabilities.call), bounds.call, coveredByOneOf),
    ...contextExcess(capabilities.context, bounds.context),
    ...beyond("models", own("models", capabilities.models), bounds.models, namedByOneOf),
    ...beyond(
      "allowedHosts",
      own("allowedHosts", capabilities.allowedHosts),
      bounds.allowedHosts,
      reachedByOneOf,
    ),
    ...(capabilities.state && bounds.state === false
      ? [{ field: "spec.capabilities.state", value: "true", rule: "capabilities.state", allowed: "false" }]
      : []),
  ];
}

/** Makes of a bound what tells whether it allows a value; a Driver may have hundreds of both. */
type Bound = (entries: readonly string[]) => (value: string) => boolean;

function beyond(
  rule: keyof CapabilityBounds,
  grants: readonly Grant[],
  entries: readonly string[] | undefined,
  bound: Bound,
): Excess[] {
  if (!entries) return [];
  const allows = bound(entries);
  const allowed = listed(entries);
  return grants
    .filter(({ value }) => !allows(value))
    .map((grant) => ({ ...grant, rule: `capabilities.${rule}`, allowed }));
}

const isLive = (pattern: string) => pattern.startsWith("live.");

/** Live topics are allowed by name alone: they are no events, so `>` does not mean them. */
const observedByOneOf: Bound = (entries) => {
  const live = coveredByOneOf(entries.filter(isLive));
  const stored = coveredByOneOf(entries.filter((entry) => !isLive(entry)));
  return (value) => (isLive(value) ? live(value) : stored(value));
};

const namedByOneOf: Bound = (entries) => (name) => entries.some((entry) => coversName(entry, name));

const reachedByOneOf: Bound = (entries) => {
  const hosts = entries.map(parseHostPattern).filter((host) => host !== undefined);
  return (value) => {
    const wish = parseHostPattern(value);
    return wish !== undefined && hosts.some((most) => hostCovers(most, wish));
  };
};

type ContextGrants = DriverSpec["capabilities"]["context"];

function contextExcess(grants: ContextGrants, bound: CapabilityBounds["context"]): Excess[] {
  if (!bound) return [];
  const allowed = listed(
    bound.map(({ collection, verbs, users }) => `${collection}: ${verbs.join("/")} of ${users}`),
  );
  return grants.flatMap(({ collection, verbs, users }, index) =>
    verbs
      .filter(
        (verb) =>
          !bound.some(
            (entry) =>
              coversName(entry.collection, collection) &&
              entry.verbs.includes(verb) &&
              (entry.users === "All" || users === "Caller"),
          ),
      )
      .map((verb) => ({
        field: `spec.capabilities.context[${index}]`,
        value: `${collection}: ${verb} of ${users}`,
        rule: "capabilities.context",
        allowed,
      })),
  );
}
