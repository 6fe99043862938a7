import type { LikePattern } from "./like.ts";

export type Value = string | number | boolean;
export type ArithmeticOperator = "*" | "/" | "%" | "+" | "-";
export type ComparisonOperator = "=" | "!=" | "<>" | "<" | "<=" | ">" | ">=";
export type LogicOperator = "AND" | "OR" | "XOR";

/** A parsed expression of CESQL 1.0.0. */
export type Expression =
  | { kind: "Literal"; value: Value }
  | { kind: "Attribute"; name: string }
  | { kind: "Exists"; name: string }
  | { kind: "Not"; operand: Expression }
  | { kind: "Negate"; operand: Expression }
  | { kind: "Like"; operand: Expression; pattern: LikePattern; negated: boolean }
  | { kind: "In"; operand: Expression; set: Expression[]; negated: boolean }
  | { kind: "Arithmetic"; operator: ArithmeticOperator; left: Expression; right: Expression }
  | { kind: "Comparison"; operator: ComparisonOperator; left: Expression; right: Expression }
  | { kind: "Logic"; operator: LogicOperator; left: Expression; right: Expression }
  | { kind: "Call"; name: string; arguments: Expression[]; column: number };
