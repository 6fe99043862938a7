import { type EventBusSpec, quantityBytes } from "@vextir/api";
import { coversName } from "./bounds/names.ts";
import type { AppliedPolicy } from "./violations.ts";

/** A namespace's bus as its policies let it be, and what they made smaller. */
export interface BoundedBus {
  spec: EventBusSpec;
  /** `spec.events.maxBytes to 1Gi by TenantPolicy few` */
  limited: string[];
}

const SIZES = {
  events: "eventBytes",
  deadLetters: "deadLetterBytes",
  handlings: "handlingBytes",
  directed: "directedBytes",
  state: "stateBytes",
} as const;

/**
 * Sizes and sharing are not refused but limited, as the accounts' limits are: a bus that a policy finds too large goes on with what it may keep.
 * Of several policies the lowest holds.
 */
export function boundedBus(spec: EventBusSpec, policies: readonly AppliedPolicy[]): BoundedBus {
  const { spec: shared, limited } = boundedSharing(spec, policies);
  let bounded = shared;
  for (const part of ["events", "deadLetters", "handlings", "directed", "state"] as const) {
    const lowest = lowestOf(policies, SIZES[part]);
    if (!lowest || quantityBytes(spec[part].maxBytes) <= quantityBytes(lowest.most)) continue;
    bounded = { ...bounded, [part]: { ...spec[part], maxBytes: lowest.most } };
    limited.push(`spec.${part}.maxBytes to ${lowest.most} by TenantPolicy ${lowest.policy}`);
  }
  return { spec: bounded, limited };
}

function lowestOf(policies: readonly AppliedPolicy[], quota: (typeof SIZES)[keyof typeof SIZES]) {
  return policies
    .flatMap(({ name, spec: { quotas } }) => {
      const most = quotas[quota];
      return most === undefined ? [] : [{ policy: name, most }];
    })
    .sort((a, b) => quantityBytes(a.most) - quantityBytes(b.most))[0];
}

/** Exports and imports as far as every policy lets them be. */
function boundedSharing(spec: EventBusSpec, policies: readonly AppliedPolicy[]): BoundedBus {
  const limited: string[] = [];
  const allows = (direction: "to" | "from", namespace: string, what: string) => {
    const forbidding = policies.find(({ spec: { sharing } }) => {
      const bound = sharing[direction];
      return bound !== undefined && !bound.some((entry) => coversName(entry, namespace));
    });
    if (forbidding) limited.push(`${what} without ${namespace} by TenantPolicy ${forbidding.name}`);
    return forbidding === undefined;
  };
  const exports = spec.exports
    .map((one) => ({
      ...one,
      to: one.to.filter((other) => allows("to", other, `spec.exports[${one.name}]`)),
    }))
    .filter(({ to }) => to.length > 0);
  const imports = spec.imports.filter(({ namespace }) => allows("from", namespace, "spec.imports"));
  return { spec: { ...spec, exports, imports }, limited };
}
