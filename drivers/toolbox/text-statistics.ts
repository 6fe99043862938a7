import { DriverError } from "@vextir/driver-runtime";
import { z } from "zod";

export const TextInput = z.object({
  text: z.string().max(100_000).describe("At most 100,000 UTF-16 units."),
  locale: z
    .string()
    .min(2)
    .max(35)
    .default("en")
    .describe("BCP 47 tag of its language; decides where words and sentences end."),
});

const count = z.int().min(0);
export const TextOutput = z.object({
  words: count,
  sentences: count,
  paragraphs: count.describe("Blocks between blank lines."),
  characters: count.describe("As a reader counts them: a letter with its accents is one, an emoji is one."),
  readingTimeSeconds: count.describe("For silent reading at 238 words per minute, rounded up."),
});

/** Mean silent reading rate of English non-fiction (Brysbaert 2019, Journal of Memory and Language 109). */
const WORDS_PER_MINUTE = 238;

/** @throws DriverError `InvalidInput` for a locale that is no BCP 47 tag. */
export function textStatistics({ text, locale }: z.infer<typeof TextInput>): z.infer<typeof TextOutput> {
  const words = countSegments(text, locale, "word", (segment) => segment.isWordLike === true);
  return {
    words,
    sentences: countSegments(text, locale, "sentence", ({ segment }) => /[\p{L}\p{N}]/u.test(segment)),
    paragraphs: text.split(/\n\s*\n/).filter((block) => block.trim() !== "").length,
    characters: countSegments(text, locale, "grapheme", () => true),
    readingTimeSeconds: Math.ceil((words / WORDS_PER_MINUTE) * 60),
  };
}

function countSegments(
  text: string,
  locale: string,
  granularity: "word" | "sentence" | "grapheme",
  counts: (segment: Intl.SegmentData) => boolean,
): number {
  let total = 0;
  for (const segment of segmenter(locale, granularity).segment(text)) if (counts(segment)) total++;
  return total;
}

function segmenter(locale: string, granularity: "word" | "sentence" | "grapheme"): Intl.Segmenter {
  try {
    return new Intl.Segmenter(locale, { granularity });
  } catch (cause) {
    throw new DriverError(
      "InvalidInput",
      `"${locale}" is no language tag (BCP 47): give one such as "en" or "pt-BR"`,
      {
        cause,
      },
    );
  }
}
