import type { DestinationStream } from "pino";

/** Shorter ones stand in too many words to be found by their text. */
const MIN_LENGTH = 6;

/**
 * Writes lines on, each secret's text (as it is, in base64 and as in a URL) replaced by its name. An error's message may hold a
 * secret without anybody's doing (an address with a password), and the last words of a process stand in its pod's status.
 */
export function withoutSecrets(
  secrets: Readonly<Record<string, string>>,
  out: DestinationStream,
): DestinationStream {
  const texts = Object.entries(secrets)
    .flatMap(([name, value]) => formsOf(value).map((text) => ({ text, mark: `[secret ${name}]` })))
    .filter(({ text }) => text.length >= MIN_LENGTH)
    // One may be a part of another.
    .sort((a, b) => b.text.length - a.text.length);
  return {
    write(line) {
      out.write(texts.reduce((rest, { text, mark }) => rest.replaceAll(text, mark), line));
    },
  };
}

/** As they stand in a line of JSON. */
const formsOf = (value: string) => [
  ...new Set([
    JSON.stringify(value).slice(1, -1),
    encodeURIComponent(value),
    Buffer.from(value).toString("base64"),
  ]),
];
