export { CesqlError, type CesqlErrorCode } from "./cesql-error.ts";
export { missingFunction } from "./check.ts";
export { type Attributes, type Evaluation, evaluate } from "./evaluate.ts";
export type { Expression, Value } from "./expression.ts";
export { parseCesql } from "./parse.ts";
