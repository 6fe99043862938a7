import type { Problem } from "@vextir/api";

/** Why a request is not answered as it was asked. */
export type ProblemReason =
  | "BadRequest"
  | "Unauthenticated"
  | "Forbidden"
  | "NotFound"
  | "MethodNotAllowed"
  | "Busy"
  | "TooLarge"
  | "TooManyRequests"
  | "Unavailable"
  | "Failed";

const STATUS: Record<ProblemReason, number> = {
  BadRequest: 400,
  Unauthenticated: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  Busy: 409,
  TooLarge: 413,
  TooManyRequests: 429,
  Unavailable: 503,
  Failed: 500,
};

export class ApiProblem extends Error {
  override readonly name = "ApiProblem";
  readonly reason: ProblemReason;
  readonly headers: Readonly<Record<string, string>>;

  constructor(reason: ProblemReason, detail: string, headers: Record<string, string> = {}) {
    super(detail);
    this.reason = reason;
    this.headers = headers;
  }

  get status(): number {
    return STATUS[this.reason];
  }

  get body(): Problem {
    const { reason, status, message } = this;
    return { type: "about:blank", title: reason, status, reason, detail: message };
  }
}
