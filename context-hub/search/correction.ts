import type { Database } from "@vextir/database";

/** Of trigrams: two letters that changed places leave little more of a short word. Edits decide afterwards. */
const LIKENESS = 0.2;
const COMPARED = 50;
const ALTERNATIVES = 5;
/** Up to so many letters one edit makes another word; beyond, two do. */
const SHORT = 4;

/** For each word the tenant's words that are like it, or itself when it is one; undefined when some word is like none. */
export async function alternativesOf(
  database: Database,
  tenant: string,
  words: readonly string[],
): Promise<string[][] | undefined> {
  const all: string[][] = [];
  for (const word of words) {
    const likely = await database.transaction(
      (session) =>
        session.query<{ word: string }>(
          `select word from words where tenant = $1 and word % $2 order by similarity(word, $2) desc, word limit ${COMPARED}`,
          [tenant, word],
        ),
      `set local pg_trgm.similarity_threshold = ${LIKENESS};`,
    );
    const alike = nearest(
      word,
      likely.map((row) => row.word),
    );
    if (alike.length === 0) return undefined;
    all.push(alike);
  }
  return all.length > 0 ? all : undefined;
}

/** The fewest edits first; a word that is known is right. */
export function nearest(word: string, likely: readonly string[]): string[] {
  if (likely.includes(word)) return [word];
  const most = word.length <= SHORT ? 1 : 2;
  return likely
    .map((other) => ({ other, edits: editsBetween(word, other) }))
    .filter(({ edits }) => edits <= most)
    .sort((a, b) => a.edits - b.edits)
    .slice(0, ALTERNATIVES)
    .map(({ other }) => other);
}

/** Letters put in, left out, changed, or swapped with their neighbour (optimal string alignment). */
export function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        at(last, j) + 1,
        at(row, j - 1) + 1,
        at(last, j - 1) + (same ? 0 : 1),
        swapped ? at(before, j - 2) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    [before, last] = [last, row];
  }
  return at(last, b.length);
}

const at = (row: readonly number[], i: number) => row[i] ?? Number.POSITIVE_INFINITY;
