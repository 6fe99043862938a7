import type { DeadLetter, DeadLetterDetail } from "@vextir/api";
import { printable, table } from "../local/output/text.ts";

const MAX_ERROR_CHARS = 80;

/** What drivers wrote never reaches the terminal as it is, and a line stays one. */
const line = (text: string) => printable(text).replaceAll(/[\n\t]/g, " ");
const short = (text: string) => (text.length > MAX_ERROR_CHARS ? `${text.slice(0, MAX_ERROR_CHARS)}…` : text);

const HEADER = ["NUMBER", "AT", "DRIVER", "TYPE", "REASON", "ATTEMPTS", "REDRIVEN", "ERROR"];

export function lettersTable(letters: readonly DeadLetter[]): string[] {
  if (letters.length === 0) return ["No dead letters."];
  const rows = letters.map(({ sequence, at, driver, type, reason, attempts, redrives, error }) =>
    [String(sequence), at, driver, type, reason, String(attempts), String(redrives), short(error)].map(line),
  );
  return table(HEADER, rows);
}

export function letterText({ letter, attributes, data, dataBase64, dataOmitted }: DeadLetterDetail): string {
  const rows = Object.entries({ ...letter, ...prefixed(attributes) }).map(
    ([name, value]) => `${name.padEnd(20)}${line(String(value))}`,
  );
  const content =
    data === undefined
      ? (dataBase64 ?? (dataOmitted ? "(too large to be shown)" : "(no data)"))
      : JSON.stringify(data, null, 2);
  return [...rows, "", printable(content)].join("\n");
}

const prefixed = (attributes: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`event.${name}`, value]));

/** `chat.message.received 3, mail.sent 1` */
export const countsText = (types: Readonly<Record<string, number>>): string =>
  Object.entries(types)
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([type, count]) => `${line(type)} ${count}`)
    .join(", ");
