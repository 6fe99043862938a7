import { status } from "@grpc/grpc-js";

export type Code =
  | "INVALID_ARGUMENT"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "FAILED_PRECONDITION"
  | "RESOURCE_EXHAUSTED"
  | "ABORTED"
  | "UNAVAILABLE"
  | "UNIMPLEMENTED"
  | "CANCELLED"
  | "INTERNAL";

/** A field that is wrong, by its path in the request, as in `document.collection`. */
export interface Violation {
  field: string;
  description: string;
}

export interface HubErrorOptions extends ErrorOptions {
  violations?: readonly Violation[];
  /** What the caller took for true and is not: `type` and `subject` as in google.rpc.PreconditionFailure. */
  precondition?: { type: string; subject: string };
  /** When to come again. */
  retryAfterMs?: number;
}

/** What a caller is told. `message` holds no content of documents. */
export class HubError extends Error {
  override readonly name = "HubError";
  readonly code: Code;
  readonly violations: readonly Violation[];
  readonly precondition: HubErrorOptions["precondition"];
  readonly retryAfterMs: number | undefined;

  constructor(code: Code, message: string, options: HubErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.violations = options.violations ?? [];
    this.precondition = options.precondition;
    this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number {
    return status[this.code];
  }
}

export function invalid(field: string, description: string): HubError {
  return new HubError("INVALID_ARGUMENT", `${field}: ${description}`, {
    violations: [{ field, description }],
  });
}
