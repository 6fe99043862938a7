/** A part of a text that is searched by itself. Places are in code points. */
export interface Chunk {
  start: number;
  end: number;
  text: string;
}

/** About as much as embedding models are made for, and as a person reads at once. In code units. */
const AIM = 1_200;
const MOST = 1_600;

/**
 * Splits at the widest gap that keeps parts near `AIM`: headings and paragraphs, then lines, sentences, words; in the middle of
 * a word only when there is nothing else. Every character but the white space around parts is in exactly one of them.
 */
export function chunksOf(text: string): Chunk[] {
  const chunks: Chunk[] = [];
  let points = 0;
  let from = 0;
  while (from < text.length) {
    const to = text.length - from <= MOST ? text.length : cut(text, from);
    const part = text.slice(from, to);
    const length = codePoints(part);
    const trimmed = part.trim();
    if (trimmed) {
      const start = points + codePoints(part.slice(0, part.length - part.trimStart().length));
      chunks.push({ start, end: start + codePoints(trimmed), text: trimmed });
    }
    points += length;
    from = to;
  }
  return chunks;
}

const GAPS = [/\n(?=#{1,6} )/g, /\n\s*\n/g, /\n/g, /[.!?。！？][)"'”»]*\s/g, /\s/g];

/** Where the part that begins at `from` ends: after the last gap of the widest kind that is not too near to its beginning. */
function cut(text: string, from: number): number {
  const window = text.slice(from, from + MOST);
  for (const gap of GAPS) {
    let last = -1;
    for (const { index, 0: found } of window.matchAll(gap)) {
      const at = index + found.length;
      if (at > MOST) break;
      if (at >= AIM / 3) last = at;
      if (at >= AIM) break;
    }
    if (last > 0) return from + last;
  }
  const end = from + MOST;
  // A pair of surrogates is one character.
  const code = text.charCodeAt(end - 1);
  return code >= 0xd800 && code <= 0xdbff ? end - 1 : end;
}

export function codePoints(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0xdc00 || code > 0xdfff) count++;
  }
  return count;
}
