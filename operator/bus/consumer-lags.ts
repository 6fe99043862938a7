import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { BusError } from "./authority.ts";
import { onBus } from "./bus-failure.ts";
import { askJetStream } from "./jetstream-request.ts";

export interface ConsumerRef {
  stream: string;
  name: string;
}

/** What a consumer's leader says of it. */
export interface ConsumerLag {
  /** Given to nobody yet. */
  pending: number;
  /** Given and not acknowledged: in hand, or waiting for the next attempt. */
  inFlight: number;
  /** Of those in flight, the ones given before. */
  redelivered: number;
  /** Up to here in the stream everything is acknowledged. */
  ackedUpTo: number;
}

/** The consumers of one stream. */
export interface StreamLags {
  found: ReadonlyMap<string, ConsumerLag>;
  /** Those that are there and whose leaders did not answer. */
  silent: ReadonlySet<string>;
}

interface Info {
  name: string;
  num_pending?: number;
  num_ack_pending?: number;
  num_redelivered?: number;
  ack_floor?: { stream_seq?: number };
}

interface ListAnswer {
  consumers?: Info[] | null;
  missing?: string[] | null;
  total?: number;
}

/** Of 256 consumers each. */
const MAX_PAGES = 1_000;

/** All consumers of the stream, a page at a time. @throws BusError */
export function listLags(connection: NatsConnection, stream: string): Promise<StreamLags> {
  return onBus(`list the consumers of ${stream}`, async () => {
    const found = new Map<string, ConsumerLag>();
    const silent = new Set<string>();
    for (let page = 0; page < MAX_PAGES; page++) {
      const offset = found.size + silent.size;
      const subject = `$JS.API.CONSUMER.LIST.${stream}`;
      const answer = await askJetStream<ListAnswer>(connection, subject, JSON.stringify({ offset }));
      const { consumers, missing, total = 0 } = answer;
      for (const name of missing ?? []) silent.add(name);
      for (const info of consumers ?? []) found.set(info.name, lagOf(info));
      const seen = found.size + silent.size;
      if (seen >= total || seen === offset) break;
    }
    return { found, silent };
  });
}

/** One consumer; undefined: it is not there. @throws BusError, also when its leader does not answer. */
export function readLag(connection: NatsConnection, { stream, name }: ConsumerRef) {
  return onBus(`read the consumer ${name} of ${stream}`, async () => {
    const subject = `$JS.API.CONSUMER.INFO.${stream}.${name}`;
    const info = await askJetStream<Info>(connection, subject, "").catch((error) => {
      if (error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound)
        return undefined;
      throw error;
    });
    return info && lagOf(info);
  });
}

/** @throws BusError when the answer lacks a number: it would be taken for none. */
function lagOf(info: Info): ConsumerLag {
  const { name, num_pending, num_ack_pending, num_redelivered, ack_floor } = info;
  if (num_pending === undefined || num_ack_pending === undefined)
    throw new BusError("Refused", `the bus does not say how many events wait at the consumer ${name}`);
  return {
    pending: num_pending,
    inFlight: num_ack_pending,
    redelivered: num_redelivered ?? 0,
    ackedUpTo: ack_floor?.stream_seq ?? 0,
  };
}
