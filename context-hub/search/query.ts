import type { Parameters } from "../documents/condition.ts";
import { configurationOf } from "../documents/language.ts";

/** A question, taken apart as far as PostgreSQL's own websearch_to_tsquery does not. */
export interface Query {
  /** In the syntax of a web search: phrases, `-`, `or`. */
  web: string;
  /** Beginnings of words. */
  prefixes: readonly string[];
  /** Its plain words, in lower case: what may be misspelt. */
  words: readonly string[];
}

/** More are noise, and each costs. */
const MAX_WORDS = 32;

/** A `*` at a word's end, outside of a phrase, makes it a beginning. Nothing in a question is a syntax error. */
export function queryOf(text: string): Query {
  const prefixes: string[] = [];
  const words: string[] = [];
  const web = text.replaceAll(/"[^"]*"?|\S+/g, (token) => {
    if (token.startsWith('"') || token.startsWith("-")) return token;
    const prefix = /^([\p{L}\p{M}\p{N}]+)\*$/u.exec(token)?.[1];
    if (prefix && prefixes.length < MAX_WORDS) {
      prefixes.push(prefix.toLowerCase());
      return "";
    }
    const word = /^\P{L}*(\p{L}[\p{L}\p{M}\p{N}'’]*)\P{L}*$/u.exec(token)?.[1]?.toLowerCase();
    if (word && word !== "or" && words.length < MAX_WORDS) words.push(word);
    return token;
  });
  return { web: web.trim(), prefixes, words };
}

/** As an expression of type tsquery: the words as they are, or by their stems in any of the languages. */
export function tsqueryOf(
  { web, prefixes }: Query,
  languages: readonly string[],
  parameters: Parameters,
): string {
  const text = parameters.add(web);
  const configurations = new Set(["simple", ...languages.map(configurationOf)]);
  const ways = [...configurations].map((name) => `websearch_to_tsquery('${name}', ${text}::text)`);
  const beginnings = prefixes.map((prefix) => `${parameters.add(`'${prefix}':*`)}::tsquery`);
  return [`(${ways.join(" || ")})`, ...beginnings].join(" && ");
}

/** Each word, or one that is like it. */
export function correctedQuery(alternatives: readonly (readonly string[])[]): string {
  const lexeme = (word: string) => `'${word.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
  return alternatives.map((words) => `(${words.map(lexeme).join(" | ")})`).join(" & ");
}
