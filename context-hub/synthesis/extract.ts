/** A sentence of a passage, which is cited by `number`. */
export interface Sentence {
  number: number;
  text: string;
}

const MAX_SENTENCES = 8;

/**
 * An answer of nothing but the passages' own sentences: those that hold most of the question's words, no two alike, in the order
 * of their passages. Every passage's first sentence stands in where none holds any.
 */
export function extract(question: string, passages: readonly string[]): Sentence[] {
  const asked = wordsOf(question);
  const all = passages.flatMap((passage, i) =>
    sentencesOf(passage).map((text, place) => ({
      number: i + 1,
      text,
      place,
      score: scoreOf(text, asked) - i * 0.01,
    })),
  );
  const seen = new Set<string>();
  const chosen = all
    .filter(({ score, place }) => score > 0 || place === 0)
    .sort((a, b) => b.score - a.score)
    .filter(({ text }) => {
      const key = text.toLowerCase();
      return !seen.has(key) && seen.add(key);
    })
    .slice(0, MAX_SENTENCES);
  return chosen
    .sort((a, b) => a.number - b.number || a.place - b.place)
    .map(({ number, text }) => ({ number, text }));
}

const sentencesOf = (text: string) =>
  text
    .split(/(?<=[.!?。！？])\s+|\n+/)
    .map((sentence) => sentence.replace(/^#+\s*/, "").trim())
    .filter((sentence) => sentence.length > 1);

const wordsOf = (text: string) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? []);

function scoreOf(sentence: string, asked: ReadonlySet<string>): number {
  let score = 0;
  for (const word of wordsOf(sentence)) if (asked.has(word)) score++;
  return score;
}
