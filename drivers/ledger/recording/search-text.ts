import type { Event } from "@vextir/driver-runtime";

/** Of the words of an event so many characters are searched; a tsvector holds a megabyte at most. */
const MAX_CHARS = 16_384;
const MAX_VALUES = 2_000;

/** What full text finds an event by: its type, subject, and the texts and numbers in its data. */
export function searchText({ type, subject, data }: Pick<Event, "type" | "subject" | "data">): string {
  const words: string[] = [type.replaceAll(".", " "), subject ?? ""];
  let chars = 0;
  const waiting: unknown[] = [data];
  for (let seen = 0; waiting.length > 0 && seen < MAX_VALUES && chars < MAX_CHARS; seen++) {
    const value = waiting.shift();
    if (typeof value === "string" || typeof value === "number") {
      const text = String(value).slice(0, MAX_CHARS - chars);
      chars += text.length;
      words.push(text);
    } else if (value && typeof value === "object" && !(value instanceof Uint8Array))
      waiting.push(...Object.values(value).slice(0, MAX_VALUES));
  }
  return words.join(" ");
}
