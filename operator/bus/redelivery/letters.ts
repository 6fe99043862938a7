import type { JsMsg } from "@nats-io/jetstream";
import {
  CE_PREFIX,
  DEAD_LETTER_HEADERS,
  type DeadLetter,
  type DeadLetterFilter,
  type DeadLetterSelection,
  decodeValue,
  EXTENSIONS,
  MAX_DEAD_LETTERS,
  matches,
  streams,
  subjects,
} from "@vextir/api";
import type { TenantAdmin } from "../tenant-connections.ts";
import { messageAt, valuesOf } from "./stored.ts";
import { readStream } from "./stream-reading.ts";

/** A dead letter with what it was made of. */
export interface StoredLetter {
  letter: DeadLetter;
  values: ReadonlyMap<string, string>;
  payload: Uint8Array;
  /** Subject that the event had, and its place in its stream, as the letter says. */
  subject: string;
  sequence: number;
}

/** Looked at for one page at most: where hardly any passes the filter, more pages are needed. */
const MAX_LOOKED_AT = 5_000;

interface Message {
  subject: string;
  sequence: number;
  at: Date;
  values: ReadonlyMap<string, string>;
  payload: Uint8Array;
  bytes: number;
}

/** Undefined: its subject is none of a dead letter. */
function letterOf({ subject, sequence, at, values, payload, bytes }: Message): StoredLetter | undefined {
  const [root, driver = "", ...type] = subject.split(".");
  if (root !== "dlq" || driver === "" || type.length === 0) return undefined;
  const get = (name: string) => decodeValue(values.get(name) ?? "");
  const number = (name: string) => Number(values.get(name)) || 0;
  const own = get(DEAD_LETTER_HEADERS.subject);
  const user = get(CE_PREFIX + EXTENSIONS.user);
  const letter: DeadLetter = {
    ...{ sequence, driver, at: at.toISOString(), type: type.join(".") },
    subscription: get(DEAD_LETTER_HEADERS.subscription),
    reason: get(DEAD_LETTER_HEADERS.reason),
    error: get(DEAD_LETTER_HEADERS.error),
    attempts: number(DEAD_LETTER_HEADERS.attempts),
    redrives: number(DEAD_LETTER_HEADERS.redrives),
    publisher: own.split(".")[1] ?? "",
    id: get(`${CE_PREFIX}id`),
    source: get(`${CE_PREFIX}source`),
    ...(user !== "" && { user }),
    bytes,
    cut: values.get(DEAD_LETTER_HEADERS.cut) === "true",
  };
  return { letter, values, payload, subject: own, sequence: number(DEAD_LETTER_HEADERS.sequence) };
}

export async function letterAt(
  { jetstream }: TenantAdmin,
  sequence: number,
): Promise<StoredLetter | undefined> {
  const found = await messageAt(jetstream, streams.deadLetters, sequence);
  if (!found) return undefined;
  const { subject, seq, time, header, data } = found;
  return letterOf({
    ...{ subject, sequence: seq, at: time, payload: data, bytes: data.length },
    values: valuesOf(header),
  });
}

/**
 * The letters that are selected, oldest first, each given to `take` until it says that it is enough.
 * @returns where the next page begins; undefined: there are no more.
 */
export async function eachLetter(
  admin: TenantAdmin,
  selection: DeadLetterSelection,
  take: (letter: StoredLetter) => boolean | Promise<boolean>,
): Promise<number | undefined> {
  const { sequences, after = 0, through = Number.POSITIVE_INFINITY, limit = MAX_DEAD_LETTERS } = selection;
  if (sequences) {
    for (const sequence of sequences) {
      const found = await letterAt(admin, sequence);
      if (found && passes(found.letter, selection) && !(await take(found))) break;
    }
    return undefined;
  }
  let looked = 0;
  let taken = 0;
  let next: number | undefined;
  await readStream(admin, readingOf(selection, after), async (message) => {
    const { seq: sequence } = message;
    if (sequence > through || timeOf(message) > endOf(selection)) return false;
    looked++;
    const found = letterOf(messageOf(message));
    if (found && passes(found.letter, selection)) {
      if (!(await take(found))) {
        next = sequence - 1;
        return false;
      }
      taken++;
    }
    if (taken < limit && looked < MAX_LOOKED_AT) return true;
    next = sequence;
    return false;
  });
  return next;
}

function readingOf({ driver = "*", type = ">", from }: DeadLetterFilter, after: number) {
  const reading = { stream: streams.deadLetters, filters: [subjects.deadLetter(driver, type)] };
  if (after > 0) return { ...reading, from: after + 1 };
  return from === undefined ? reading : { ...reading, since: new Date(from) };
}

const messageOf = (message: JsMsg): Message => ({
  ...{ subject: message.subject, sequence: message.seq, at: new Date(timeOf(message)) },
  values: valuesOf(message.headers),
  payload: message.data,
  bytes: message.data.length,
});

/** In the milliseconds that people are told, so that a time that was shown can be given. */
const timeOf = ({ info }: JsMsg) => Math.floor(info.timestampNanos / 1e6);
const endOf = ({ to }: DeadLetterFilter) => (to === undefined ? Number.POSITIVE_INFINITY : Date.parse(to));

function passes(letter: DeadLetter, filter: DeadLetterFilter): boolean {
  const { driver, subscription, type, reason, user, from } = filter;
  return (
    (driver === undefined || letter.driver === driver) &&
    (subscription === undefined || letter.subscription === subscription) &&
    (type === undefined || matches(type, letter.type)) &&
    (reason === undefined || letter.reason === reason) &&
    (user === undefined || letter.user === user) &&
    (from === undefined || Date.parse(letter.at) >= Date.parse(from)) &&
    Date.parse(letter.at) <= endOf(filter)
  );
}
