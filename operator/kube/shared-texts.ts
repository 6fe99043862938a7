/** Thousands of objects say the same few thousand texts: names of their namespace, kinds, conditions, times. */
const MAX_TEXTS = 20_000;
const MAX_LENGTH = 200;
const texts = new Map<string, string>();

/** The same value, with each text that was met before replaced by that very one: JSON.parse makes a new one each time. */
export function shareTexts<T>(value: T): T {
  if (typeof value === "string") return shared(value) as T;
  if (value === null || typeof value !== "object") return value;
  const holder = value as Record<string, unknown>;
  for (const [key, inner] of Object.entries(holder)) holder[key] = shareTexts(inner);
  return value;
}

function shared(text: string): string {
  if (text.length > MAX_LENGTH) return text;
  const known = texts.get(text);
  if (known !== undefined) return known;
  if (texts.size >= MAX_TEXTS) texts.clear();
  texts.set(text, text);
  return text;
}
