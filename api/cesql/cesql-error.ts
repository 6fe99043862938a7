/** The errors of CESQL 1.0.0 (section 3.3). */
export type CesqlErrorCode =
  | "Parse"
  | "Math"
  | "Cast"
  | "MissingAttribute"
  | "MissingFunction"
  | "FunctionEvaluation"
  /** The evaluation took more work than it may. */
  | "Generic";

export class CesqlError extends Error {
  override readonly name = "CesqlError";
  readonly code: CesqlErrorCode;
  /** Where in the expression, from 1; of parse errors and missing functions. */
  readonly column: number | undefined;

  constructor(code: CesqlErrorCode, problem: string, column?: number) {
    super(column === undefined ? problem : `at character ${column}: ${problem}`);
    this.code = code;
    this.column = column;
  }
}
