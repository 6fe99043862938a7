import { codePoints } from "../documents/chunks.ts";

/** What ts_headline is told to put around a match: characters that have no meaning of their own. */
export const [OPEN, CLOSE] = ["\uE0A0", "\uE0A1"];

export interface Marked {
  start: number;
  end: number;
}

/** Where the marks of a headline are, in code points of the text without them; none when the text has such characters itself. */
export function marksOf(headline: string, text: string): Marked[] {
  if (text.includes(OPEN) || text.includes(CLOSE)) return [];
  const marks: Marked[] = [];
  let place = 0;
  for (const [i, piece] of headline.split(/[\uE0A0\uE0A1]/).entries()) {
    const end = place + codePoints(piece);
    if (i % 2 === 1 && end > place) marks.push({ start: place, end });
    place = end;
  }
  return marks;
}
