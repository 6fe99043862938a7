import { inRange } from "./casts.ts";
import { CesqlError } from "./cesql-error.ts";
import type { ArithmeticOperator, ComparisonOperator, Expression, LogicOperator } from "./expression.ts";
import { likePattern } from "./like.ts";
import { MAX_DEPTH, MAX_EXPRESSION } from "./limits.ts";
import { type Token, tokensOf } from "./tokens.ts";

/** Reads an expression of CESQL 1.0.0. @throws CesqlError `Parse`, with the place. */
export function parseCesql(expression: string): Expression {
  if (expression.length > MAX_EXPRESSION)
    throw new CesqlError("Parse", `an expression has at most ${MAX_EXPRESSION} characters`);
  return new Parser(tokensOf(expression)).whole();
}

/** Binary operators from the weakest to the strongest (section 3.6); those of one line go from left to right. */
const LEVELS: readonly (readonly string[])[] = [
  ["AND", "OR", "XOR"],
  ["=", "!=", "<>", ">=", "<=", ">", "<"],
  ["+", "-"],
  ["*", "/", "%"],
];

/** An expression, and how deep it nests. */
interface Part {
  of: Expression;
  depth: number;
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;
  #open = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expression {
    const { of } = this.#binary(0);
    if (this.#token.kind !== "End") throw this.#unexpected("an operator or the end");
    return of;
  }

  get #token(): Token {
    return this.#tokens[this.#next] as Token;
  }

  #binary(level: number): Part {
    const operators = LEVELS[level];
    if (!operators) return this.#tested();
    let left = this.#binary(level + 1);
    while (this.#isOneOf(operators)) {
      const operator = this.#take().text;
      const right = this.#binary(level + 1);
      left = this.#deeper(binary(level, operator, left.of, right.of), left, right);
    }
    return left;
  }

  /** LIKE and IN. */
  #tested(): Part {
    let part = this.#unary();
    for (;;) {
      const negated = this.#isOneOf(["NOT"]);
      if (negated) this.#take();
      if (this.#isOneOf(["LIKE"])) part = this.#like(part, negated);
      else if (this.#isOneOf(["IN"])) part = this.#in(part, negated);
      else if (negated) throw this.#unexpected("LIKE or IN");
      else return part;
    }
  }

  #like(part: Part, negated: boolean): Part {
    this.#take();
    if (this.#token.kind !== "Text") throw this.#unexpected("a text in quotes, the pattern");
    const pattern = likePattern(this.#take().text);
    return this.#deeper({ kind: "Like", operand: part.of, pattern, negated }, part);
  }

  #in(part: Part, negated: boolean): Part {
    this.#take();
    this.#expect("(");
    const set = this.#list();
    const of: Expression = { kind: "In", operand: part.of, set: set.map((element) => element.of), negated };
    return this.#deeper(of, part, ...set);
  }

  #unary(): Part {
    if (this.#isOneOf(["NOT"])) return this.#prefixed("Not");
    if (this.#isOneOf(["-"])) return this.#sign(-1) ?? this.#prefixed("Negate");
    if (this.#isOneOf(["+"])) {
      const literal = this.#sign(1);
      if (literal) return literal;
    }
    return this.#operand();
  }

  #prefixed(kind: "Not" | "Negate"): Part {
    this.#take();
    const operand = this.#nested(() => this.#unary());
    return this.#deeper({ kind, operand: operand.of }, operand);
  }

  /** The sign belongs to the number: -2147483648 is one, while 2147483648 is none. */
  #sign(sign: 1 | -1): Part | undefined {
    if (this.#tokens[this.#next + 1]?.kind !== "Digits") return undefined;
    this.#take();
    return this.#number(sign);
  }

  #number(sign: 1 | -1): Part {
    const { text, column } = this.#take();
    const value = sign * Number(text);
    if (!inRange(value))
      throw new CesqlError("Parse", `${text} is no integer of 32 bits (-2147483648 to 2147483647)`, column);
    return leaf({ kind: "Literal", value: value === 0 ? 0 : value });
  }

  #operand(): Part {
    const { kind, text } = this.#token;
    if (kind === "Digits") return this.#number(1);
    if (kind === "Text") return leaf({ kind: "Literal", value: this.#take().text });
    if (kind === "Name") return this.#name();
    if (kind === "Symbol" && text === "(") return this.#parenthesized();
    if (kind === "Keyword" && (text === "TRUE" || text === "FALSE"))
      return leaf({ kind: "Literal", value: this.#take().text === "TRUE" });
    if (kind === "Keyword" && text === "EXISTS") {
      this.#take();
      return leaf({ kind: "Exists", name: this.#attribute() });
    }
    throw this.#unexpected("a value");
  }

  #parenthesized(): Part {
    this.#expect("(");
    const part = this.#nested(() => this.#binary(0));
    this.#expect(")");
    return part;
  }

  #name(): Part {
    const following = this.#tokens[this.#next + 1];
    if (following?.kind !== "Symbol" || following.text !== "(")
      return leaf({ kind: "Attribute", name: this.#attribute() });
    const { text, column } = this.#take();
    if (!/^[A-Za-z][A-Za-z_]*$/.test(text))
      throw new CesqlError("Parse", `${text} is no name of a function: letters and '_'`, column);
    this.#take();
    const parts = this.#isOneOf([")"]) ? [] : this.#list();
    if (parts.length === 0) this.#take();
    const of: Expression = {
      kind: "Call",
      name: text.toUpperCase(),
      arguments: parts.map((part) => part.of),
      column,
    };
    return this.#deeper(of, ...parts);
  }

  #attribute(): string {
    const { kind, text, column } = this.#token;
    if ((kind !== "Name" && kind !== "Digits") || !/^[a-z0-9]+$/.test(text))
      throw kind === "Name"
        ? new CesqlError("Parse", `${text} is no name of an attribute: lower-case letters and digits`, column)
        : this.#unexpected("the name of an attribute");
    return this.#take().text;
  }

  /** Expressions with commas between them, up to the closing parenthesis. */
  #list(): Part[] {
    const parts: Part[] = [];
    do parts.push(this.#nested(() => this.#binary(0)));
    while (this.#isOneOf([","]) && this.#take());
    this.#expect(")");
    return parts;
  }

  #nested(parse: () => Part): Part {
    if (++this.#open > MAX_DEPTH) throw this.#tooDeep();
    const part = parse();
    this.#open--;
    return part;
  }

  #deeper(of: Expression, ...parts: readonly Part[]): Part {
    const depth = 1 + Math.max(0, ...parts.map((part) => part.depth));
    if (depth > MAX_DEPTH) throw this.#tooDeep();
    return { of, depth };
  }

  #tooDeep(): CesqlError {
    const problem = `an expression nests at most ${MAX_DEPTH} deep, and chains at most as many operators`;
    return new CesqlError("Parse", problem, this.#token.column);
  }

  #isOneOf(texts: readonly string[]): boolean {
    const { kind, text } = this.#token;
    return (kind === "Symbol" || kind === "Keyword") && texts.includes(text);
  }

  #expect(symbol: string): void {
    if (!this.#isOneOf([symbol])) throw this.#unexpected(`'${symbol}'`);
    this.#take();
  }

  #take(): Token {
    const token = this.#token;
    if (token.kind !== "End") this.#next++;
    return token;
  }

  #unexpected(wanted: string): CesqlError {
    const { text, column } = this.#token;
    return new CesqlError("Parse", `${wanted} is expected, not ${text.slice(0, 40)}`, column);
  }
}

const leaf = (of: Expression): Part => ({ of, depth: 1 });

function binary(level: number, operator: string, left: Expression, right: Expression): Expression {
  if (level === 0) return { kind: "Logic", operator: operator as LogicOperator, left, right };
  if (level === 1) return { kind: "Comparison", operator: operator as ComparisonOperator, left, right };
  return { kind: "Arithmetic", operator: operator as ArithmeticOperator, left, right };
}
