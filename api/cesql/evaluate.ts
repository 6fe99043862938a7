import { cast, inRange, toBoolean, toInteger, typeOf, type ValueType, ZERO } from "./casts.ts";
import { CesqlError } from "./cesql-error.ts";
import type { ArithmeticOperator, ComparisonOperator, Expression, Value } from "./expression.ts";
import { Failure, functionOf } from "./functions.ts";
import { isLike } from "./like.ts";
import { MAX_STEPS } from "./limits.ts";

/** An event's attribute by its name; undefined when the event has none of that name. */
export type Attributes = (name: string) => Value | undefined;

export interface Evaluation {
  value: Value;
  /** The first error of the evaluation. */
  error?: CesqlError;
}

/**
 * The value of an expression for one event. After an error nothing further is evaluated: an operator whose operand
 * failed has the zero value of its type (sections 3.2 and 4.1, fail fast). Never throws.
 */
export function evaluate(expression: Expression, attributes: Attributes): Evaluation {
  const run = new Run(attributes);
  const value = run.of(expression);
  return run.error ? { value, error: run.error } : { value };
}

class Run {
  error: CesqlError | undefined;
  readonly #attributes: Attributes;
  #steps = 0;

  constructor(attributes: Attributes) {
    this.#attributes = attributes;
  }

  of(expression: Expression): Value {
    this.#charge(1);
    switch (expression.kind) {
      case "Literal":
        return expression.value;
      case "Attribute":
        return this.#attribute(expression.name);
      case "Exists":
        return this.#attributes(expression.name) !== undefined;
      case "Not":
        return this.#total("Boolean", () => !toBoolean(this.#operand(expression.operand)));
      case "Negate":
        return this.#total("Integer", () => integer(-toInteger(this.#operand(expression.operand))));
      case "Like":
        return this.#total("Boolean", () => this.#like(expression));
      case "In":
        return this.#total("Boolean", () => this.#in(expression));
      case "Arithmetic":
        return this.#total("Integer", () => {
          const left = this.#operand(expression.left);
          const right = this.#operand(expression.right);
          return arithmetic(expression.operator, toInteger(left), toInteger(right));
        });
      case "Comparison":
        return this.#total("Boolean", () => this.#comparison(expression));
      case "Logic":
        return this.#total("Boolean", () => this.#logic(expression));
      case "Call":
        return this.#call(expression);
    }
  }

  #attribute(name: string): Value {
    const value = this.#attributes(name);
    // Of unknown type when it is missing, so it counts as a Boolean (section 3.2).
    if (value === undefined) return this.#fail(ZERO.Boolean, missing(name));
    return value;
  }

  #like({ operand, pattern, negated }: Expression & { kind: "Like" }): boolean {
    const text = String(this.#operand(operand));
    this.#charge(text.length);
    return isLike(text, pattern, () => this.#charge(1)) !== negated;
  }

  #in({ operand, set, negated }: Expression & { kind: "In" }): boolean {
    const value = this.#operand(operand);
    let found = false;
    for (const element of set) {
      const other = cast(this.#operand(element), typeOf(value));
      found = this.#equal(value, other) || found;
    }
    return found !== negated;
  }

  #comparison({ operator, left, right }: Expression & { kind: "Comparison" }): boolean {
    const x = this.#operand(left);
    const y = this.#operand(right);
    switch (operator) {
      // Three types have an equality: the right operand says which is meant.
      case "=":
        return this.#equal(cast(x, typeOf(y)), y);
      case "!=":
      case "<>":
        return !this.#equal(cast(x, typeOf(y)), y);
      default:
        return isOrdered(operator, toInteger(x), toInteger(y));
    }
  }

  #equal(x: Value, y: Value): boolean {
    if (typeof x === "string") this.#charge(x.length >> 4);
    return x === y;
  }

  #logic({ operator, left, right }: Expression & { kind: "Logic" }): boolean {
    const x = toBoolean(this.#operand(left));
    if (operator === "AND" && !x) return false;
    if (operator === "OR" && x) return true;
    const y = toBoolean(this.#operand(right));
    return operator === "XOR" ? x !== y : y;
  }

  #call({ name, arguments: args, column }: Expression & { kind: "Call" }): Value {
    const found = functionOf(name, args.length);
    if (!found) return this.#fail(ZERO.Boolean, noFunction(name, args.length, column));
    return this.#total(found.returns, () => {
      const values = args.map((argument, index) => {
        const value = cast(this.#operand(argument), found.parameters[index] ?? found.further ?? "String");
        this.#charge(typeof value === "string" ? value.length : 1);
        return value;
      });
      const result = found.run(...(values as never[]));
      return result instanceof Failure ? this.#fail(result.value, result.error) : result;
    });
  }

  /** @throws the operand's error, so that its operator has no say. */
  #operand(expression: Expression): Value {
    const value = this.of(expression);
    if (this.error) throw this.error;
    return value;
  }

  /** What `compute` says, or the zero value when it throws an error of CESQL. */
  #total(type: ValueType, compute: () => Value): Value {
    try {
      return compute();
    } catch (error) {
      if (!(error instanceof CesqlError)) throw error;
      return this.#fail(ZERO[type], error);
    }
  }

  #fail(value: Value, error: CesqlError): Value {
    this.error ??= error;
    return value;
  }

  #charge(steps: number): void {
    this.#steps += steps;
    if (this.#steps > MAX_STEPS) throw new CesqlError("Generic", `it takes more than ${MAX_STEPS} steps`);
  }
}

function arithmetic(operator: ArithmeticOperator, x: number, y: number): number {
  if (y === 0 && (operator === "/" || operator === "%")) throw new CesqlError("Math", `${x} ${operator} 0`);
  switch (operator) {
    case "+":
      return integer(x + y);
    case "-":
      return integer(x - y);
    case "*":
      return integer(x * y);
    case "/":
      return integer(Math.trunc(x / y));
    case "%":
      return integer(x % y);
  }
}

/** What does not fit in 32 bits is an error: the specification leaves it open, and a wrapped number would lie. */
function integer(value: number): number {
  if (!inRange(value)) throw new CesqlError("Math", `${value} does not fit in 32 bits`);
  return value === 0 ? 0 : value;
}

function isOrdered(operator: ComparisonOperator, x: number, y: number): boolean {
  if (operator === "<") return x < y;
  if (operator === "<=") return x <= y;
  return operator === ">" ? x > y : x >= y;
}

const missing = (name: string) => new CesqlError("MissingAttribute", `the event has no attribute "${name}"`);

export const noFunction = (name: string, count: number, column: number) =>
  new CesqlError("MissingFunction", `there is no function ${name} of ${count} arguments`, column);
