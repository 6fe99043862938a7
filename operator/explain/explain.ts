import type { EventBusSpec, Manifest } from "@vextir/api";
import { quantityBytes } from "@vextir/api";
import { BusError, type DriverAccess } from "../bus/authority.ts";
import { driverExports } from "../bus/exports.ts";
import { type ImportSources, importsFor } from "../bus/imports.ts";
import { driverLimits } from "../bus/limits.ts";
import type { Violation } from "../policy/violation.ts";
import type { AppliedPolicy } from "../policy/violations.ts";
import type { Explanation } from "./explanation.ts";
import { bareAccess, explainGrants, explainImport } from "./grants.ts";
import { explainNeeds } from "./needs.ts";
import { explainPolicy } from "./policies.ts";

export interface ExplainInput {
  access: DriverAccess;
  /** Names of the accounts; default: names for people. */
  sources?: ImportSources;
  bus: EventBusSpec;
  /** What the code says of itself, where it is known. */
  manifest?: Manifest | undefined;
  /** Those that select the namespace, and what of the Driver is beyond them. */
  policies?: readonly AppliedPolicy[];
  violations?: readonly Violation[];
  /** False: it is refused altogether, by policies or since its namespace takes no Drivers. */
  isAdmitted?: boolean;
}

/** Accounts as people call them. */
export function readableSources({ peers, shared = [] }: DriverAccess): ImportSources {
  const names = new Map([...peers].map(([name, uid]) => [uid, name]));
  for (const { namespace, peers: foreign } of shared)
    for (const [name, uid] of foreign) names.set(uid, `${namespace}/${name}`);
  return {
    bus: "bus",
    vextir: "operator",
    driver: (uid) => `driver ${names.get(uid) ?? uid}`,
    busOf: (namespace) => `bus of ${namespace}`,
  };
}

/** What a driver may do on the bus and beyond, by which lines of its spec, what its code needs, and what bounds all that. */
export function explain(input: ExplainInput): Explanation {
  const { access, bus, manifest, policies = [], violations = [], isAdmitted = true } = input;
  const sources = input.sources ?? readableSources(access);
  const { conn, subs, payload } = driverLimits(quantityBytes(bus.maxEventBytes), access.quotas);
  return {
    namespace: access.namespace,
    name: access.name,
    isAdmitted,
    violations: [...violations],
    ...grantsOrProblem(access, sources),
    always: importsFor(bareAccess(access), sources).map(explainImport),
    offers: driverExports(access.name).map(({ name = "", type, subject = "" }) => ({
      name,
      type: String(type),
      subject,
    })),
    limits: { connections: conn ?? -1, subscriptions: subs ?? -1, payloadBytes: payload ?? -1 },
    ...(manifest && { needs: explainNeeds(manifest, access) }),
    policies: policies.map(explainPolicy),
  };
}

function grantsOrProblem(
  access: DriverAccess,
  sources: ImportSources,
): Pick<Explanation, "grants" | "problem"> {
  try {
    return { grants: explainGrants(access, sources) };
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    return { grants: [], problem: error.message };
  }
}
