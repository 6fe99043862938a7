/** What a message asks for, as far as the rules below understand it. */
export type Intent =
  | { kind: "time"; zone: string }
  | { kind: "convert"; value: number; from: string; to: string }
  | { kind: "count"; text: string }
  | { kind: "help" }
  | { kind: "unknown" };

/** Beyond this a message is no question that the rules know (a quoted text to count is taken out before). */
const MAX_QUESTION = 300;

const NUMBER = String.raw`([-+]?\d[\d.,]*(?:e[-+]?\d+)?)`;
const AMOUNT_FIRST = new RegExp(`${NUMBER} ?(\\D.*?) (?:to|into|in|as) (\\D.*)$`, "i");
const UNIT_FIRST = new RegExp(
  `\\bhow (?:many|much) (\\D+?) (?:is|are|in|make|makes) ${NUMBER} ?(\\D.*)$`,
  "i",
);
const TIME = /\btime\b.*? (?:in|at|for) (?:the )?(.+)$/i;
const QUOTES: readonly (readonly [string, string])[] = [
  ['"', '"'],
  ["“", "”"],
  ["„", "“"],
  ["«", "»"],
  ["'", "'"],
];

/** The first rule that fits decides: count, convert, time, help. */
export function understand(message: string): Intent {
  const count = countIntent(message);
  if (count) return count;
  const question = message
    .trim()
    .replaceAll(/\s+/g, " ")
    .slice(0, MAX_QUESTION + 1);
  if (question.length > MAX_QUESTION) return { kind: "unknown" };
  const bare = withoutEndMarks(question);
  return convertIntent(bare) ?? timeIntent(bare) ?? helpIntent(bare) ?? { kind: "unknown" };
}

/** `count the words in "…"`, `how many characters has “…”`, `count words: …`. */
function countIntent(message: string): Intent | undefined {
  const head = message.slice(0, MAX_QUESTION);
  if (!/\b(count|how many|statistics|length)\b/i.test(head)) return undefined;
  if (!/\b(words?|characters?|letters?|sentences?|text|statistics)\b/i.test(head)) return undefined;
  const text = quoted(message) ?? afterColon(message);
  return text === undefined ? undefined : { kind: "count", text };
}

function quoted(message: string): string | undefined {
  for (const [open, close] of QUOTES) {
    // After a space, so that the apostrophe of "what's" opens nothing.
    const start = ` ${message}`.indexOf(` ${open}`);
    const end = message.lastIndexOf(close);
    if (start >= 0 && end > start) return message.slice(start + 1, end);
  }
  return undefined;
}

function afterColon(message: string): string | undefined {
  const colon = message.indexOf(":");
  return colon < 0 ? undefined : message.slice(colon + 1).trim() || undefined;
}

function convertIntent(question: string): Intent | undefined {
  const first = AMOUNT_FIRST.exec(question);
  const [amount, from, to] = first?.slice(1) ?? reordered(UNIT_FIRST.exec(question));
  const value = parseNumber(amount);
  if (value === undefined || !from || !to) return undefined;
  return { kind: "convert", value, from: from.trim(), to: to.trim() };
}

const reordered = (match: RegExpExecArray | null) => (match ? [match[2], match[3], match[1]] : []);

/** `1,000.5` and `1.5` and `1,5`: a comma before three digits separates thousands, any other is a decimal point. */
function parseNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const plain = /^[-+]?\d{1,3}(,\d{3})+(\.\d*)?$/.test(text)
    ? text.replaceAll(",", "")
    : text.replace(",", ".");
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

function timeIntent(question: string): Intent | undefined {
  const zone = TIME.exec(question)?.[1];
  if (zone) return { kind: "time", zone: zone.replace(/,? (?:right )?now$/i, "") };
  return /\bwhat(?:'s| is)? (?:the )?time\b/i.test(question) ? { kind: "time", zone: "UTC" } : undefined;
}

function helpIntent(question: string): Intent | undefined {
  return /^(help|hi|hello|hey|what can you do)\b/i.test(question) ? { kind: "help" } : undefined;
}

function withoutEndMarks(question: string): string {
  let end = question.length;
  while (end > 0 && "?!. ".includes(question[end - 1] ?? "")) end--;
  return question.slice(0, end);
}
