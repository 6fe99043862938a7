import { type ValueType, ZERO } from "./casts.ts";
import { CesqlError } from "./cesql-error.ts";
import type { Value } from "./expression.ts";
import { MAX_TEXT } from "./limits.ts";

/** Takes arguments already cast to its parameters' types; the error beside the value is one of CESQL. */
export interface CesqlFunction {
  parameters: readonly ValueType[];
  /** The type of further arguments, where there may be any. */
  further?: ValueType;
  returns: ValueType;
  run(...args: never[]): Value | Failure;
}

/** A value with an error: functions are total, they always have a value (section 3.5.3). */
export class Failure {
  readonly value: Value;
  readonly error: CesqlError;

  constructor(value: Value, error: CesqlError) {
    this.value = value;
    this.error = error;
  }
}

const fn = (
  parameters: readonly ValueType[],
  returns: ValueType,
  run: CesqlFunction["run"],
  further?: ValueType,
): CesqlFunction => ({ parameters, returns, run, ...(further && { further }) });

/** The functions of section 3.5 by name, each name's overloads by the number of parameters; and those of section 3.7. */
const FUNCTIONS = new Map<string, readonly CesqlFunction[]>([
  ["LENGTH", [fn(["String"], "Integer", (text: string) => Array.from(text).length)]],
  ["CONCAT", [fn([], "String", (...texts: string[]) => joined(texts, ""), "String")]],
  ["CONCAT_WS", [fn(["String"], "String", (by: string, ...texts: string[]) => joined(texts, by), "String")]],
  ["LOWER", [fn(["String"], "String", (text: string) => bounded(text.toLowerCase()))]],
  ["UPPER", [fn(["String"], "String", (text: string) => bounded(text.toUpperCase()))]],
  ["TRIM", [fn(["String"], "String", trim)]],
  ["LEFT", [fn(["String", "Integer"], "String", (text: string, count: number) => part(text, "LEFT", count))]],
  [
    "RIGHT",
    [fn(["String", "Integer"], "String", (text: string, count: number) => part(text, "RIGHT", count))],
  ],
  [
    "SUBSTRING",
    [
      fn(["String", "Integer"], "String", (text: string, from: number) => substring(text, from)),
      fn(["String", "Integer", "Integer"], "String", (text: string, from: number, length: number) =>
        substring(text, from, length),
      ),
    ],
  ],
  ["ABS", [fn(["Integer"], "Integer", abs)]],
  ["INT", [fn(["Integer"], "Integer", (value: number) => value)]],
  ["BOOL", [fn(["Boolean"], "Boolean", (value: boolean) => value)]],
  ["STRING", [fn(["String"], "String", (value: string) => value)]],
]);

/** The function of that name that takes so many arguments. */
export function functionOf(name: string, count: number): CesqlFunction | undefined {
  return FUNCTIONS.get(name)?.find(({ parameters, further }) =>
    further ? count >= parameters.length : count === parameters.length,
  );
}

const failed = (value: Value, problem: string) =>
  new Failure(value, new CesqlError("FunctionEvaluation", problem));

const tooLong = () => failed(ZERO.String, `a text would have more than ${MAX_TEXT} characters`);

const bounded = (text: string) => (text.length > MAX_TEXT ? tooLong() : text);

function joined(texts: readonly string[], by: string): string | Failure {
  const length = texts.reduce((sum, text) => sum + text.length + by.length, 0);
  return length > MAX_TEXT + by.length ? tooLong() : texts.join(by);
}

/** White space as Unicode says; `String.trim` says otherwise of U+0085 and U+FEFF. */
const WHITE_SPACE = /\p{White_Space}/u;

function trim(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && WHITE_SPACE.test(text.charAt(from))) from++;
  while (to > from && WHITE_SPACE.test(text.charAt(to - 1))) to--;
  return text.slice(from, to);
}

function part(text: string, side: "LEFT" | "RIGHT", count: number): string | Failure {
  if (count < 0) return failed(text, `${side} takes no negative number of characters`);
  if (text.length <= count) return text;
  const characters = Array.from(text);
  const from = side === "LEFT" ? 0 : Math.max(0, characters.length - count);
  return characters.slice(from, from + count).join("");
}

function substring(text: string, position: number, length = Number.MAX_SAFE_INTEGER): string | Failure {
  const characters = Array.from(text);
  if (Math.abs(position) > characters.length)
    return failed("", `SUBSTRING begins outside of a text of ${characters.length} characters`);
  if (length < 0) return failed("", "SUBSTRING takes no negative number of characters");
  if (position === 0) return "";
  const from = position > 0 ? position - 1 : characters.length + position;
  return characters.slice(from, from + length).join("");
}

const MOST_NEGATIVE = -2_147_483_648;
const MOST_POSITIVE = 2_147_483_647;

function abs(value: number): number | Failure {
  if (value !== MOST_NEGATIVE) return Math.abs(value);
  return new Failure(MOST_POSITIVE, new CesqlError("Math", "ABS of the most negative integer is none"));
}
