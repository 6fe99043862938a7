import type { Session } from "@vextir/database";
import type { Scope } from "../access/grants.ts";
import { type Condition, Parameters } from "../documents/condition.ts";
import { type Candidate, type CandidateRow, candidateOf, FUSED, searched } from "./candidates.ts";

/** So many matching parts are ranked at most: ts_rank_cd reads each, and a word that is everywhere is in all of them. */
export const MAX_RANKED = 2_000;

export interface TextFound {
  candidates: Candidate[];
  /** More matched than were ranked. */
  bounded: boolean;
}

/** `query` writes an expression of type tsquery. Best first, each document once. */
export async function searchText(
  session: Session,
  {
    scope,
    condition,
    query,
  }: { scope: Scope; condition: Condition; query: (parameters: Parameters) => string },
): Promise<TextFound> {
  const parameters = new Parameters();
  const { from, where } = searched(scope, condition, parameters);
  const q = query(parameters);
  const rows = await session.query<CandidateRow & { matched: number }>(
    `with asked as materialized (select ${q} as q),
     matched as materialized (
       select c.id, c.ordinal, c.path, c.updated_at, c.search from ${from} where ${where} and c.search @@ (select q from asked)
       limit ${MAX_RANKED + 1}),
     ranked as (
       select distinct on (id) id, ordinal, path, updated_at, ts_rank_cd(search, (select q from asked)) as score
       from matched order by id, score desc, ordinal)
     select id, ordinal, path[array_length(path, 1)] as collection, updated_at, score::float8 as score,
       (select count(*) from matched)::int as matched
     from ranked order by score desc, updated_at desc, id limit ${FUSED}`,
    parameters.values,
  );
  return { candidates: rows.map(candidateOf), bounded: (rows[0]?.matched ?? 0) > MAX_RANKED };
}
