/** What the context hub takes. */
const MAX_LENGTH = 1_000;
const SYNTAX = /"|(^|\s)-\p{L}|\p{L}\*|\bor\b/iu;

/**
 * A sentence as a search: any of its words, those with more of them first. One that is written as a search stays as it is. Undefined:
 * there is nothing to look for.
 */
export function questionOf(text: string): string | undefined {
  if (text.length <= MAX_LENGTH && SYNTAX.test(text)) return text;
  let question = "";
  for (const word of new Set(text.toLowerCase().match(/\p{L}[\p{L}\p{M}\p{N}]{2,}|\p{N}{2,}/gu) ?? [])) {
    const longer = question === "" ? word : `${question} or ${word}`;
    if (longer.length > MAX_LENGTH) break;
    question = longer;
  }
  return question || undefined;
}
