import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import { errors } from "@nats-io/transport-node";
import { BusError } from "./authority.ts";

const CONNECTION_ERRORS = [
  errors.TimeoutError,
  // Without an answer: nobody responds, or the connection was closed meanwhile.
  errors.RequestError,
  errors.NoRespondersError,
  errors.ConnectionError,
  errors.ClosedConnectionError,
  errors.DrainingConnectionError,
  // Users of the bus' own accounts are never refused but while an account is being made or removed.
  errors.AuthorizationError,
  errors.UserAuthenticationExpiredError,
];

/** JetStream's ways of saying "not yet": no quorum, starting, or the account was only just loaded. */
const NOT_YET = new Set<number>([10_008, 10_009, JetStreamApiCodes.JetStreamNotEnabledForAccount, 10_076]);

/** What a failure of the client library means to the caller. @param doing completes "the bus could not …". */
export function busError(error: unknown, doing: string): Error {
  if (error instanceof BusError) return error;
  if (!(error instanceof Error))
    return new BusError("Refused", `the bus could not ${doing}: ${String(error)}`);
  if (error instanceof JetStreamApiError) {
    const away = error.status === 503 || NOT_YET.has(error.code);
    return new BusError(away ? "Unavailable" : "Refused", `the bus could not ${doing}: ${error.message}`, {
      cause: error,
    });
  }
  if (isAway(error))
    return new BusError(
      "Unavailable",
      `the bus does not answer, so it could not ${doing}: ${error.message}`,
      {
        cause: error,
      },
    );
  return error;
}

function isAway(error: Error): boolean {
  // The client library doesn't export the class of "JetStream does not answer".
  return error.name === "JetStreamNotEnabled" || CONNECTION_ERRORS.some((kind) => error instanceof kind);
}

/** Runs `work`, with its failures as `BusError`. */
export async function onBus<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw busError(error, doing);
  }
}
