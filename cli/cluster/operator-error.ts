export type OperatorErrorCode =
  /** The operator can't be reached. */
  | "Unreachable"
  /** There is no token to show. */
  | "NoToken"
  /** It answered with a problem. */
  | "Refused";

/** What went wrong with the operator of a cluster, and what to do. */
export class OperatorError extends Error {
  override readonly name = "OperatorError";
  readonly code: OperatorErrorCode;
  constructor(code: OperatorErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
