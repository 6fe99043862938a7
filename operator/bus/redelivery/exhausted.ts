import type { JsMsg, StoredMsg } from "@nats-io/jetstream";
import {
  CE_PREFIX,
  DEAD_LETTER_HEADERS,
  DIRECTED_HEADERS,
  encodeValue,
  parseDirectedSubject,
  parseEventSubject,
  parseHandlingsSubject,
  streams,
  subjects,
  subscriptionOfConsumer,
} from "@vextir/api";
import { z } from "zod";
import { unlessAbsent } from "../jetstream-state.ts";
import { ADVISORIES_CONSUMER, keepsDeadLetters } from "../streams.ts";
import type { TenantAdmin } from "../tenant-connections.ts";
import { attributesIn, isTooLarge, MESSAGE_ID, messageAt, put, valuesOf } from "./stored.ts";
import { readStream } from "./stream-reading.ts";

/** An event whose deliveries ended without an answer, and what was done about it. */
export interface Exhausted {
  driver: string;
  subscription: string;
  /** Empty: it was gone. */
  type: string;
  sequence: number;
  deliveries: number;
  outcome:
    | "DeadLettered"
    /** Its subscription keeps no dead letters. */
    | "GivenUp"
    /** The bus no longer has it: it was older, or beyond the size, of what is kept. */
    | "Gone"
    /** It was no event. */
    | "Dropped";
}

/** Why it is in the dead letters; the header `Vextir-Reason`. */
const REASON = "MaxDeliveries";
const ERROR =
  "its deliveries ended without an answer: it may have ended the process that handled it each time";
/** At a time, so that many end in pieces. */
const MAX_ADVISORIES = 256;
const FETCH_MS = 1_000;

/** https://github.com/nats-io/jsm.go/tree/main/schemas/jetstream/advisory/v1/max_deliver.json */
const Advisory = z.object({
  id: z.string(),
  timestamp: z.string(),
  stream: z.string(),
  consumer: z.string(),
  stream_seq: z.number(),
  deliveries: z.number(),
});
type Advisory = z.infer<typeof Advisory>;

/**
 * Keeps the events that the server has given up on, as it tells in the stream ADVISORIES, also of the time when nobody listened: each
 * becomes a dead letter once, and is settled at its consumer. Safe to repeat after a failure anywhere.
 *
 * @param idOf The id of a message that must not be guessed by drivers, who write dead letters too.
 */
export async function buryExhausted(
  admin: TenantAdmin,
  idOf: (what: string) => string,
): Promise<Exhausted[]> {
  const { jetstream } = admin;
  const stream = streams.advisories;
  const info = await unlessAbsent(() => jetstream.consumers.info(stream, ADVISORIES_CONSUMER));
  const waiting = Math.min(MAX_ADVISORIES, (info?.num_pending ?? 0) + (info?.num_ack_pending ?? 0));
  if (waiting === 0) return [];
  const buried: Exhausted[] = [];
  const consumer = await jetstream.jetstream().consumers.get(stream, ADVISORIES_CONSUMER);
  const failures: unknown[] = [];
  for await (const message of await consumer.fetch({ max_messages: waiting, expires: FETCH_MS })) {
    try {
      const one = await bury(admin, message, idOf);
      if (one) buried.push(one);
      message.ack();
    } catch (error) {
      // The others don't wait for it; it comes again.
      failures.push(error);
    }
  }
  if (failures.length > 0 && buried.length === 0) throw failures[0];
  return buried;
}

async function bury(
  admin: TenantAdmin,
  message: JsMsg,
  idOf: (what: string) => string,
): Promise<Exhausted | undefined> {
  const advisory = Advisory.safeParse(parsed(message)).data;
  const whose = advisory && subscriptionOfConsumer(advisory.consumer);
  if (!whose) return undefined;
  const { driver, subscription } = whose;
  const { stream, consumer, stream_seq: sequence, deliveries } = advisory;
  // Gone with its driver or its subscription: nobody is waiting for it.
  const info = await unlessAbsent(() => admin.jetstream.consumers.info(stream, consumer));
  if (!info) return undefined;
  const about = { driver, subscription, sequence, deliveries };
  const stored = await messageAt(admin.jetstream, stream, sequence);
  if (!stored) return { ...about, type: "", outcome: "Gone" };
  const letter = letterOf(driver, subscription, stored, deliveries);
  if (letter && keepsDeadLetters(info.config)) {
    // Who died after the letter was stored and before that was noted has left it.
    const known = message.info.deliveryCount > 1 && (await isKept(admin, letter, advisory));
    if (!known) await keep(admin, letter, idOf(`exhausted ${consumer} ${advisory.id}`));
  }
  await settle(admin, advisory);
  if (!letter) return { ...about, type: "", outcome: "Dropped" };
  return { ...about, type: letter.type, outcome: keepsDeadLetters(info.config) ? "DeadLettered" : "GivenUp" };
}

interface Letter {
  subject: string;
  type: string;
  values: Readonly<Record<string, string>>;
  payload: Uint8Array;
}

/** Undefined: it is no event. */
function letterOf(
  driver: string,
  subscription: string,
  { subject, seq, header, data }: StoredMsg,
  deliveries: number,
): Letter | undefined {
  const values = valuesOf(header);
  const directed = parseDirectedSubject(subject);
  const own = directed ? (values.get(DIRECTED_HEADERS.subject) ?? "") : subject;
  const place = parseEventSubject(own) ?? parseHandlingsSubject(own);
  if (!place || values.get(`${CE_PREFIX}type`) !== place.type) return undefined;
  const redrives = directed && values.get(DIRECTED_HEADERS.redrives);
  const before = directed ? Number(values.get(DIRECTED_HEADERS.attempts)) || 0 : 0;
  return {
    subject: subjects.deadLetter(driver, place.type),
    type: place.type,
    payload: data,
    values: {
      ...attributesIn(values),
      [DEAD_LETTER_HEADERS.reason]: REASON,
      [DEAD_LETTER_HEADERS.error]: encodeValue(ERROR),
      [DEAD_LETTER_HEADERS.attempts]: String(deliveries + before),
      [DEAD_LETTER_HEADERS.subscription]: subscription,
      [DEAD_LETTER_HEADERS.subject]: own,
      [DEAD_LETTER_HEADERS.sequence]: directed ? (values.get(DIRECTED_HEADERS.sequence) ?? "0") : String(seq),
      ...(redrives && { [DEAD_LETTER_HEADERS.redrives]: redrives }),
    },
  };
}

async function keep({ connection }: TenantAdmin, letter: Letter, id: string): Promise<void> {
  const values = { ...letter.values, [MESSAGE_ID]: id };
  try {
    await put(connection, letter.subject, letter.payload, values);
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    const cut = { ...values, [DEAD_LETTER_HEADERS.cut]: "true" };
    await put(connection, letter.subject, new Uint8Array(0), cut);
  }
}

/** Whether there is a letter of the same delivery since the server gave up. */
async function isKept(admin: TenantAdmin, letter: Letter, { timestamp }: Advisory): Promise<boolean> {
  const same = [DEAD_LETTER_HEADERS.reason, DEAD_LETTER_HEADERS.subscription, DEAD_LETTER_HEADERS.sequence];
  const since = new Date(timestamp);
  let found = false;
  const reading = { stream: streams.deadLetters, filters: [letter.subject], since, headersOnly: true };
  await readStream(admin, reading, ({ headers }) => {
    const values = valuesOf(headers);
    found = same.every((name) => values.get(name) === letter.values[name]);
    return !found;
  });
  return found;
}

/** As if the driver had answered that it is never to come again. */
async function settle({ connection }: TenantAdmin, advisory: Advisory): Promise<void> {
  const { stream, consumer, deliveries, stream_seq: sequence } = advisory;
  const nanos = Date.parse(advisory.timestamp) * 1e6;
  const subject = `$JS.ACK.${stream}.${consumer}.${deliveries}.${sequence}.${sequence}.${nanos}.0`;
  // Not answered where the consumer knows nothing of it any more.
  connection.publish(subject, `+TERM ${REASON}`);
  await connection.flush();
}

function parsed(message: JsMsg): unknown {
  try {
    return message.json();
  } catch {
    return undefined;
  }
}
