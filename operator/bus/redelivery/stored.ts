import { JetStreamApiError, type JetStreamManager, type StoredMsg } from "@nats-io/jetstream";
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { CE_PREFIX } from "@vextir/api";
import { askJetStream } from "../jetstream-request.ts";

/** The stream stores a second message with the same id once (within its duplicate window). */
export const MESSAGE_ID = "Nats-Msg-Id";
const TOO_LARGE = 10054;
/** The stream is full and refuses what is new. */
const FULL = 10077;

export const isTooLarge = (error: unknown) => error instanceof JetStreamApiError && error.code === TOO_LARGE;
export const isFull = (error: unknown) => error instanceof JetStreamApiError && error.code === FULL;

/** Undefined: it is gone, or never was. */
export async function messageAt(
  jetstream: JetStreamManager,
  stream: string,
  sequence: number,
): Promise<StoredMsg | undefined> {
  if (!(sequence >= 1)) return undefined;
  return (await jetstream.streams.getMessage(stream, { seq: sequence })) ?? undefined;
}

/** Header values by name; the first of repeated ones. */
export function valuesOf(set: MsgHdrs | undefined): Map<string, string> {
  const map = new Map<string, string>();
  if (set) for (const [name, values] of set) map.set(name, values[0] ?? "");
  return map;
}

/** The CloudEvents attributes among headers, as headers. */
export const attributesIn = (values: ReadonlyMap<string, string>): Record<string, string> =>
  Object.fromEntries([...values].filter(([name, value]) => name.startsWith(CE_PREFIX) && value !== ""));

/** Resolves when it is stored. @throws JetStreamApiError when the stream refuses it. */
export async function put(
  connection: NatsConnection,
  subject: string,
  payload: Uint8Array,
  values: Readonly<Record<string, string>>,
): Promise<{ duplicate: boolean }> {
  const set = headers();
  for (const [name, value] of Object.entries(values)) set.set(name, value);
  const { duplicate } = await askJetStream<{ duplicate?: boolean }>(connection, subject, payload, set);
  return { duplicate: duplicate === true };
}
