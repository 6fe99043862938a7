import type { Candidate } from "./candidates.ts";

/** Of reciprocal rank fusion (Cormack, Clarke, Büttcher 2009): how little the first places stand out. */
const K = 60;

export interface Weights {
  /** Of a collection and what is below it; the nearest counts. */
  collections: Readonly<Record<string, number>>;
  recency: { halfLifeMs: number; weight: number };
  nowMs: number;
}

export interface Fused {
  id: string;
  /** The part to be shown. */
  ordinal: number;
  value: number;
  textRank: number;
  textScore: number;
  vectorRank: number;
  vectorScore: number;
  collectionWeight: number;
  recency: number;
}

/** Best first. A document that both ways found gains from both. */
export function fuse(text: readonly Candidate[], vector: readonly Candidate[], weights: Weights): Fused[] {
  const fused = new Map<string, Fused>();
  const of = ({ id, ordinal, collection, updatedAt }: Candidate): Fused => {
    const known = fused.get(id);
    if (known) return known;
    const made: Fused = {
      ...{ id, ordinal, value: 0, textRank: 0, textScore: 0, vectorRank: 0, vectorScore: 0 },
      collectionWeight: weightOf(collection, weights.collections),
      recency: recencyOf(updatedAt, weights),
    };
    fused.set(id, made);
    return made;
  };
  for (const [i, candidate] of text.entries())
    Object.assign(of(candidate), { textRank: i + 1, textScore: candidate.score });
  for (const [i, candidate] of vector.entries())
    Object.assign(of(candidate), { vectorRank: i + 1, vectorScore: candidate.score });
  for (const one of fused.values())
    one.value = (part(one.textRank) + part(one.vectorRank)) * one.collectionWeight * (1 + one.recency);
  return [...fused.values()].sort((a, b) => b.value - a.value || (a.id < b.id ? -1 : 1));
}

const part = (rank: number) => (rank === 0 ? 0 : 1 / (K + rank));

function weightOf(collection: string, weights: Weights["collections"]): number {
  for (let name = collection; name; name = name.slice(0, Math.max(0, name.lastIndexOf("/")))) {
    if (Object.hasOwn(weights, name)) return weights[name] ?? 1;
  }
  return 1;
}

function recencyOf(updatedAt: Date, { recency, nowMs }: Weights): number {
  if (recency.weight === 0) return 0;
  const ageMs = Math.max(0, nowMs - updatedAt.getTime());
  return recency.weight * 2 ** (-ageMs / recency.halfLifeMs);
}
