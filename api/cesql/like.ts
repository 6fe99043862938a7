/** A pattern of LIKE: characters, `_` for any one and `%` for any number. */
export type LikePattern = readonly (string | typeof ANY_ONE | typeof ANY_MANY)[];

const ANY_ONE = 1;
const ANY_MANY = 2;

/** `\%` and `\_` stand for the characters themselves; any other backslash is one (section 3.4.3). */
export function likePattern(text: string): LikePattern {
  const characters = Array.from(text);
  const pattern: (string | typeof ANY_ONE | typeof ANY_MANY)[] = [];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    const next = characters[i + 1];
    if (character === "\\" && (next === "%" || next === "_")) {
      pattern.push(next);
      i++;
    } else if (character === "_") pattern.push(ANY_ONE);
    else if (character !== "%") pattern.push(character);
    else if (pattern.at(-1) !== ANY_MANY) pattern.push(ANY_MANY);
  }
  return pattern;
}

/**
 * Whether the whole text is what the pattern says. Goes back to the last `%` alone, so its work is at most the product of
 * the two lengths; `step` is told of each character looked at, and may throw.
 */
export function isLike(text: string, pattern: LikePattern, step: () => void): boolean {
  const characters = Array.from(text);
  let at = 0;
  let in_ = 0;
  let retryAt = -1;
  let retryIn = 0;
  while (at < characters.length) {
    step();
    const part = pattern[in_];
    if (part === ANY_MANY) {
      retryIn = ++in_;
      retryAt = at;
    } else if (part === ANY_ONE || part === characters[at]) {
      at++;
      in_++;
    } else if (retryAt >= 0) {
      at = ++retryAt;
      in_ = retryIn;
    } else return false;
  }
  while (pattern[in_] === ANY_MANY) in_++;
  return in_ === pattern.length;
}
