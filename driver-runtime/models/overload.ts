import { DriverError, RetryableError } from "../errors.ts";

/** Delay that the error's provider, or the limit that it tells of, asks for; undefined: none. */
export const retryAfterMsOf = (error: unknown): number | undefined =>
  error instanceof DriverError && error.cause instanceof RetryableError
    ? error.cause.retryAfterMs
    : undefined;

/** An error whose `retryAfterMsOf` is known. */
export function overloaded(message: string, retryAfterMs: number | undefined): DriverError {
  const cause = new RetryableError(message, retryAfterMs === undefined ? {} : { retryAfterMs });
  return new DriverError("Overloaded", message, { cause });
}
