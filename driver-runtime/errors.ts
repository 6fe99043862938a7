export type DriverErrorCode =
  /** The Driver object does not grant it; the message names the line that would. */
  | "NotGranted"
  /** The driver, method or port is not there. */
  | "NotFound"
  /** The other side does not answer now; trying again may help. */
  | "Unavailable"
  /** No answer in time; the work may have been done all the same. */
  | "Timeout"
  /** What the caller gave is not what the schema, the grammar or the bus takes. */
  | "InvalidInput"
  /** What a method answered is not what its schema says. */
  | "InvalidOutput"
  /** The configuration is not what the driver's schema says. */
  | "InvalidConfig"
  /** The module is no driver, or its definition contradicts itself. */
  | "InvalidDriver"
  /** The key changed, or is there already. */
  | "Conflict"
  /** More bytes than the bus takes. */
  | "TooLarge"
  /** The method threw; the message is its own. */
  | "CallFailed"
  /** The callee has as many calls in hand as it takes. */
  | "Overloaded"
  /** The driver is shutting down. */
  | "Closed";

/** Every error that the runtime throws at a driver. Names the object, what was expected and what to do. */
export class DriverError extends Error {
  override readonly name: string = "DriverError";
  readonly code: DriverErrorCode;
  constructor(code: DriverErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export interface RetryOptions extends ErrorOptions {
  /** Delay before the next attempt; default: the subscription's `backoff`. */
  retryAfterMs?: number;
}

/** Thrown by a handler: try again, after `retryAfterMs` if given. Any other throw retries too, by the subscription's `backoff`. */
export class RetryableError extends Error {
  override readonly name = "RetryableError";
  readonly retryAfterMs: number | undefined;
  constructor(message: string, options: RetryOptions = {}) {
    super(message, options);
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Thrown by a handler: trying again is of no use; the event goes to the dead letters at once. */
export class TerminalError extends Error {
  override readonly name = "TerminalError";
}
