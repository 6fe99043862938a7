/**
 * - `NotFound`: no way of getting the program worked; the message lists what was tried and why each failed.
 * - `Unusable`: the program that was named (by a variable) is absent or too old.
 * - `Failed`: a command that gets or builds a program failed.
 */
export type ToolErrorCode = "NotFound" | "Unusable" | "Failed";

export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly code: ToolErrorCode;
  constructor(code: ToolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
