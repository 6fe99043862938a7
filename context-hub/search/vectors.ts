import type { Database } from "@vextir/database";
import type { Scope } from "../access/grants.ts";
import { type Condition, Parameters } from "../documents/condition.ts";
import { type Candidate, type CandidateRow, candidateOf, FUSED, searched } from "./candidates.ts";

/** What vectors are of. */
export interface VectorKind {
  model: string;
  dimensions: number;
}

/** As pgvector reads one. */
export const vectorText = (vector: readonly number[]) => `[${vector.join(",")}]`;

/**
 * The nearest parts by cosine, each document once. The graph is walked on until enough of what it finds may be seen and passes the
 * filter (pgvector's iterative scan), at most 20,000 steps, which is its default.
 */
export async function searchVectors(
  database: Database,
  {
    scope,
    condition,
    vector,
    kind,
  }: { scope: Scope; condition: Condition; vector: readonly number[]; kind: VectorKind },
): Promise<Candidate[]> {
  const parameters = new Parameters();
  const { from, where } = searched(scope, condition, parameters);
  const asked = `${parameters.add(vectorText(vector))}::vector(${kind.dimensions})`;
  const distance = `(c.embedding::vector(${kind.dimensions})) <=> ${asked}`;
  const model = parameters.add(kind.model);
  const rows = await database.transaction(
    (session) =>
      session.query<CandidateRow>(
        `with near as materialized (
           select c.id, c.ordinal, c.path, c.updated_at, ${distance} as distance from ${from}
           where ${where} and c.model = ${model} order by ${distance} limit ${2 * FUSED}),
         best as (select distinct on (id) * from near order by id, distance)
         select id, ordinal, path[array_length(path, 1)] as collection, updated_at, (1 - distance)::float8 as score
         from best order by distance, id limit ${FUSED}`,
        parameters.values,
      ),
    `set local hnsw.ef_search = ${FUSED}; set local hnsw.iterative_scan = relaxed_order;`,
  );
  return rows.map(candidateOf);
}
