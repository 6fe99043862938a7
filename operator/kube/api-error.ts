import { ClusterError, type ClusterErrorCode } from "../cluster.ts";

/** The resourceVersion or the continue token is older than what the server remembers: list anew. */
export class GoneError extends ClusterError {
  constructor(message: string, options?: ErrorOptions) {
    super("Unavailable", message, options);
  }
}

/** The server gave no answer; whether it got the request is not known. */
export class UnreachableError extends ClusterError {
  constructor(message: string, options?: ErrorOptions) {
    super("Unavailable", message, options);
  }
}

/** The answer is larger than allowed. */
export class TooLargeError extends ClusterError {
  constructor(message: string) {
    super("Unavailable", message);
  }
}

/** metav1.Status, as far as it is looked at. */
export interface Status {
  code?: number;
  reason?: string;
  message?: string;
  details?: { causes?: { field?: string; message?: string }[] };
}

const CODES: Readonly<Record<number, ClusterErrorCode>> = {
  400: "Invalid",
  403: "Forbidden",
  404: "NotFound",
  405: "Invalid",
  406: "Invalid",
  409: "Conflict",
  413: "Invalid",
  415: "Invalid",
  422: "Invalid",
};

const UNTYPED = /failed to (create typed patch object|convert new object)/;

/** `what` names the request: `apply Deployment team/a`. Codes that are not in the table pass by themselves: try again. */
export function apiError(what: string, status: number, answer: unknown): ClusterError {
  const { message } = statusOf(answer);
  const text = `${what}: the API server answered ${status}: ${message ?? "(no message)"}`;
  // Fields that the kind doesn't have, and values that it can't read, are answered so.
  if (status === 500 && UNTYPED.test(message ?? ""))
    return new ClusterError("Invalid", text, { cause: answer });
  if (status === 410) return new GoneError(text, { cause: answer });
  return new ClusterError(CODES[status] ?? "Unavailable", text, { cause: answer });
}

export function statusOf(answer: unknown): Status {
  if (typeof answer === "object" && answer !== null) return answer as Status;
  return typeof answer === "string" && answer !== "" ? { message: answer.slice(0, 500) } : {};
}
