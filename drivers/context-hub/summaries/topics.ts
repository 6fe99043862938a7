import type { StoredDocument } from "@vextir/driver-runtime";

/** Of the 1,000 characters that the hub takes. */
const MAX_LENGTH = 900;
const BEGINNING = 120;

/** What to ask for so that these documents are found: the words of their titles, or of their beginnings. Nothing in it is syntax. */
export function topicsOf(
  documents: readonly Pick<StoredDocument, "title" | "content">[],
  query: string | undefined,
): string {
  const words = new Map<string, string>();
  for (const { title, content } of documents)
    for (const [word] of (title || content.slice(0, BEGINNING)).matchAll(/\p{L}[\p{L}\p{M}\p{N}]{2,}/gu))
      if (!words.has(word.toLowerCase())) words.set(word.toLowerCase(), word);
  let text = query ?? "";
  for (const word of words.values()) {
    const longer = text === "" ? word : `${text} ${word}`;
    if (longer.length > MAX_LENGTH) break;
    text = longer;
  }
  return text;
}
