import { type Condition, type Driver, type HostGrant, parseHostPattern } from "@vextir/api";

/** What a Driver may reach now. */
export interface DriverGrants {
  uid: string;
  /** The entries of `allowedHosts` that hold. */
  entries: readonly string[];
  hosts: readonly HostGrant[];
}

/** Reasons of `Accepted=False` by which a Driver has no rights left: in others, what was granted before still is. */
const WITHDRAWN = new Set(["PolicyViolation", "ReservedNamespace"]);

/**
 * What is taken out of a Driver's list is gone at once. What is added counts when the operator has accepted the list, since a
 * TenantPolicy may forbid it; until then what was accepted before counts. Undefined: the Driver has no rights.
 */
export function grantsOf(
  driver: Driver | undefined,
  before: DriverGrants | undefined,
): DriverGrants | undefined {
  const uid = driver?.metadata.uid;
  if (!driver || !uid || driver.metadata.deletionTimestamp) return undefined;
  const accepted = driver.status?.conditions?.find(({ type }) => type === "Accepted");
  const listed = driver.spec.capabilities?.allowedHosts ?? [];
  const known = before?.uid === uid ? before.entries : [];
  return grantsFor(
    uid,
    listed.filter((entry) => holds(entry, accepted, known, driver.metadata.generation)),
  );
}

function holds(
  entry: string,
  accepted: Condition | undefined,
  known: readonly string[],
  generation: number | undefined,
): boolean {
  if (accepted?.status === "False" && WITHDRAWN.has(accepted.reason)) return false;
  const isJudged = accepted?.status === "True" && accepted.observedGeneration === generation;
  return isJudged || known.includes(entry);
}

function grantsFor(uid: string, entries: readonly string[]): DriverGrants {
  const hosts = entries.map(parseHostPattern).filter((host) => host !== undefined);
  return { uid, entries, hosts };
}
