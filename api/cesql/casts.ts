import { CesqlError } from "./cesql-error.ts";
import type { Value } from "./expression.ts";

export type ValueType = "String" | "Integer" | "Boolean";

export const ZERO = { String: "", Integer: 0, Boolean: false } as const;

/** A signed integer of 32 bits (section 3.1). */
export const inRange = (value: number) => value >= -2_147_483_648 && value <= 2_147_483_647;

export function typeOf(value: Value): ValueType {
  if (typeof value === "string") return "String";
  return typeof value === "number" ? "Integer" : "Boolean";
}

/** The casts of section 3.7. @throws CesqlError `Cast`. */
export function cast(value: Value, type: ValueType): Value {
  switch (type) {
    case "String":
      return String(value);
    case "Integer":
      return toInteger(value);
    case "Boolean":
      return toBoolean(value);
  }
}

export function toInteger(value: Value): number {
  if (typeof value !== "string") return Number(value);
  // The length is looked at first: a number of a thousand digits is none here.
  const number = value.length <= 64 && /^[+-]?\d+$/.test(value) ? Number(value) : Number.NaN;
  if (!inRange(number)) throw impossible(value, "an integer of 32 bits");
  return number === 0 ? 0 : number;
}

export function toBoolean(value: Value): boolean {
  if (typeof value !== "string") return Boolean(value);
  const lower = value.length <= 5 ? value.toLowerCase() : "";
  if (lower !== "true" && lower !== "false") throw impossible(value, "true or false");
  return lower === "true";
}

const impossible = (value: string, what: string) =>
  new CesqlError("Cast", `${JSON.stringify(value.slice(0, 40))} is not ${what}`);
