import type { Condition, ContextGrant, Driver } from "@vextir/api";
import type { z } from "zod";

export type HubGrant = z.infer<typeof ContextGrant>;

/** What a Driver may do in the context hub now. */
export interface HubGrants {
  /** Of the Driver. */
  uid: string;
  grants: readonly HubGrant[];
}

/** Reasons of `Accepted=False` by which a Driver has no rights left: in others, what was granted before still is. */
const WITHDRAWN = new Set(["PolicyViolation", "ReservedNamespace"]);

/**
 * What is taken out of a Driver's list, or narrowed, is gone at once. What is added counts when the operator has accepted it; until
 * then what was accepted before, and is still listed, counts. Undefined: the Driver has no rights.
 */
export function hubGrantsOf(
  driver: Driver | undefined,
  before: HubGrants | undefined,
): HubGrants | undefined {
  const uid = driver?.metadata.uid;
  if (!driver || !uid || driver.metadata.deletionTimestamp) return undefined;
  const accepted = driver.status?.conditions?.find(({ type }) => type === "Accepted");
  if (accepted?.status === "False" && WITHDRAWN.has(accepted.reason)) return undefined;
  const listed = driver.spec.capabilities?.context ?? [];
  const known = before?.uid === uid ? before.grants : [];
  const grants = isJudged(accepted, driver.metadata.generation)
    ? listed
    : listed.map((grant) => narrowed(grant, known)).filter((grant) => grant.verbs.length > 0);
  return grants.length > 0 ? { uid, grants } : undefined;
}

const isJudged = (accepted: Condition | undefined, generation: number | undefined) =>
  accepted?.status === "True" && accepted.observedGeneration === generation;

/** A grant without the verbs that nothing known allows. */
function narrowed(grant: HubGrant, known: readonly HubGrant[]): HubGrant {
  const allowed = (verb: HubGrant["verbs"][number]) =>
    known.some(
      (one) =>
        one.collection === grant.collection &&
        one.verbs.includes(verb) &&
        (one.users === "All" || grant.users === "Caller"),
    );
  return { ...grant, verbs: grant.verbs.filter(allowed) };
}
