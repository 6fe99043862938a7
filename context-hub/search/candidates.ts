import type { Scope } from "../access/grants.ts";
import { type Condition, type Parameters, rowConditions } from "../documents/condition.ts";

/** A document's best part by one way of searching. */
export interface Candidate {
  id: string;
  ordinal: number;
  collection: string;
  updatedAt: Date;
  score: number;
}

export interface CandidateRow extends Record<string, unknown> {
  id: string;
  ordinal: number;
  collection: string;
  updated_at: Date;
  score: number;
}

export const candidateOf = (row: CandidateRow): Candidate => ({
  id: row.id,
  ordinal: row.ordinal,
  collection: row.collection,
  updatedAt: row.updated_at,
  score: row.score,
});

/** So many documents of each way of searching are fused. */
export const FUSED = 200;

/**
 * Parts (`c`) that a scope covers and a filter lets pass, as a FROM with its conditions. It is asked as the tables' owner: under
 * row-level security PostgreSQL would use neither index, since `@@` is not known to keep secrets. So what the policies say is
 * said here, and what is found goes through the policies before it goes to anybody.
 */
export function searched(
  scope: Scope,
  condition: Condition,
  parameters: Parameters,
): { from: string; where: string } {
  const tenant = parameters.add(scope.tenant);
  const all = [
    `c.tenant = ${tenant}`,
    covered(scope, parameters),
    ...rowConditions(condition, "c", parameters),
  ];
  const { metadata, contentTypes } = condition;
  if (metadata === undefined && contentTypes.length === 0)
    return { from: "chunks c", where: all.join(" and ") };
  if (metadata !== undefined) all.push(`d.metadata @> ${parameters.add(metadata)}::jsonb`);
  if (contentTypes.length > 0) all.push(`d.content_type = any(${parameters.add(contentTypes)}::smallint[])`);
  return {
    from: `chunks c join documents d on d.tenant = ${tenant} and d.id = c.id`,
    where: all.join(" and "),
  };
}

function covered({ everybody, own, user }: Scope, parameters: Parameters): string {
  const ways = ["false"];
  if (everybody.length > 0) ways.push(`c.path && ${parameters.add(everybody)}::text[]`);
  if (own.length > 0)
    ways.push(`(c.user_id = ${parameters.add(user)} and c.path && ${parameters.add(own)}::text[])`);
  return `(${ways.join(" or ")})`;
}
