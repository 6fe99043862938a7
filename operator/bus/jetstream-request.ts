import { type ApiError, JetStreamApiError } from "@nats-io/jetstream";
import type { MsgHdrs, NatsConnection, Payload } from "@nats-io/transport-node";

const REQUEST_MS = 5_000;

/** Asks JetStream for what the client library has no method for. @throws JetStreamApiError when it refuses. */
export async function askJetStream<T extends object>(
  connection: NatsConnection,
  subject: string,
  body: Payload,
  headers?: MsgHdrs,
): Promise<T> {
  const answer = await connection.request(subject, body, {
    timeout: REQUEST_MS,
    ...(headers && { headers }),
  });
  const read = answer.json<T & { error?: ApiError }>();
  if (read.error) throw new JetStreamApiError(read.error);
  return read;
}
