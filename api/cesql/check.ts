import type { CesqlError } from "./cesql-error.ts";
import { noFunction } from "./evaluate.ts";
import type { Expression } from "./expression.ts";
import { functionOf } from "./functions.ts";

/** The first call of a function that there is not: an error that needs no event to be seen. */
export function missingFunction(expression: Expression): CesqlError | undefined {
  if (expression.kind === "Call" && !functionOf(expression.name, expression.arguments.length))
    return noFunction(expression.name, expression.arguments.length, expression.column);
  for (const part of partsOf(expression)) {
    const found = missingFunction(part);
    if (found) return found;
  }
  return undefined;
}

function partsOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "Not":
    case "Negate":
    case "Like":
      return [expression.operand];
    case "In":
      return [expression.operand, ...expression.set];
    case "Arithmetic":
    case "Comparison":
    case "Logic":
      return [expression.left, expression.right];
    case "Call":
      return expression.arguments;
    default:
      return [];
  }
}
