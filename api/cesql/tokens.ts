import { CesqlError } from "./cesql-error.ts";

export type TokenKind = "Keyword" | "Name" | "Digits" | "Text" | "Symbol" | "End";

export interface Token {
  kind: TokenKind;
  /** Keywords in upper case, texts without their quotes; what is neither as it was written. */
  text: string;
  /** From 1. */
  column: number;
}

const KEYWORDS = new Set(["AND", "OR", "XOR", "NOT", "LIKE", "IN", "EXISTS", "TRUE", "FALSE"]);

// Every alternative begins with a character of its own, so that no text is looked at twice.
const TOKEN =
  /(?<space>\s+)|(?<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<word>\w+)|(?<symbol><>|!=|<=|>=|[-+*/%=<>(),])/sy;

/** The tokens of an expression, a last one of kind `End` included. @throws CesqlError `Parse`. */
export function tokensOf(expression: string): Token[] {
  const tokens: Token[] = [];
  const pattern = new RegExp(TOKEN);
  let index = 0;
  while (index < expression.length) {
    const column = index + 1;
    pattern.lastIndex = index;
    const { space, text, word, symbol } = pattern.exec(expression)?.groups ?? {};
    if (text !== undefined) tokens.push({ kind: "Text", text: unquoted(text), column });
    else if (word !== undefined) tokens.push(wordToken(word, column));
    else if (symbol !== undefined) tokens.push({ kind: "Symbol", text: symbol, column });
    else if (space === undefined) throw new CesqlError("Parse", unreadable(expression, index), column);
    index = pattern.lastIndex;
  }
  tokens.push({ kind: "End", text: "the end", column: expression.length + 1 });
  return tokens;
}

function wordToken(word: string, column: number): Token {
  const keyword = word.toUpperCase();
  if (KEYWORDS.has(keyword)) return { kind: "Keyword", text: keyword, column };
  return { kind: /^\d+$/.test(word) ? "Digits" : "Name", text: word, column };
}

/** Only the quote itself is escaped in a text (section 2.2); any other backslash stays, for LIKE. */
function unquoted(text: string): string {
  const quote = text.charAt(0);
  return text.slice(1, -1).replaceAll(`\\${quote}`, quote);
}

function unreadable(expression: string, index: number): string {
  const character = String.fromCodePoint(expression.codePointAt(index) ?? 0);
  return character === "'" || character === '"'
    ? `the text that begins with ${character} has no end`
    : `${JSON.stringify(character)} is not understood`;
}
