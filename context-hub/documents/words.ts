const WORD = /\p{L}[\p{L}\p{M}\p{N}]{2,39}/gu;
/** A text of nothing but new words is no language's. */
const MOST = 20_000;

/** The words of a text in lower case, each once: what a query's misspelt words are compared with. */
export function wordsOf(text: string): Set<string> {
  const words = new Set<string>();
  for (const [word] of text.matchAll(WORD)) {
    words.add(word.toLowerCase());
    if (words.size === MOST) break;
  }
  return words;
}
