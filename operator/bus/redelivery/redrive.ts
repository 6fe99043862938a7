import { JetStreamApiCodes, JetStreamApiError } from "@nats-io/jetstream";
import {
  CE_PREFIX,
  type DeadLetterSelection,
  type LettersDone,
  parseEventSubject,
  parseHandlingsSubject,
  type RedriveRequest,
  type SkipReason,
  streams,
} from "@vextir/api";
import type { TenantAdmin } from "../tenant-connections.ts";
import { direct, type Original } from "./directing.ts";
import { eachLetter, type StoredLetter } from "./letters.ts";
import { messageAt, valuesOf } from "./stored.ts";
import { type Target, targetsOf } from "./targets.ts";

/**
 * Sends the selected letters' events to their drivers again. A letter goes only when DIRECTED has its event, and is sent once where this is
 * repeated within ten minutes: nothing is lost by a crash, and nothing doubled by another try.
 */
export async function redriveLetters(
  admin: TenantAdmin,
  request: RedriveRequest,
  id: string,
): Promise<LettersDone> {
  const through = request.through ?? (await lastLetter(admin));
  const done: LettersDone = { done: 0, types: {}, skipped: [], through };
  const targets = new Map<string, ReturnType<typeof targetsOf>>();
  const target = async ({ letter: { driver, subscription }, subject }: StoredLetter) => {
    const stream = streamOf(subject);
    const key = `${stream} ${driver}`;
    const known = targets.get(key) ?? targetsOf(admin, stream, driver);
    targets.set(key, known);
    return (await known).get(subscription);
  };
  const next = await eachLetter(admin, { ...request, through }, async (letter) => {
    const outcome = await redrive(admin, letter, {
      id,
      to: await target(letter),
      unverified: request.unverified,
    });
    if (outcome === "Full") {
      done.full = true;
      return false;
    }
    if (outcome === "Redriven") count(done, letter);
    else done.skipped.push({ sequence: letter.letter.sequence, reason: outcome });
    return true;
  });
  return { ...done, ...(next !== undefined && { next }) };
}

/** Deletes the selected letters. */
export async function dropLetters(admin: TenantAdmin, selection: DeadLetterSelection): Promise<LettersDone> {
  const through = selection.through ?? (await lastLetter(admin));
  const done: LettersDone = { done: 0, types: {}, skipped: [], through };
  const next = await eachLetter(admin, { ...selection, through }, async (letter) => {
    await remove(admin, letter);
    count(done, letter);
    return true;
  });
  return { ...done, ...(next !== undefined && { next }) };
}

function count(done: LettersDone, { letter }: StoredLetter): void {
  done.done++;
  done.types[letter.type] = (done.types[letter.type] ?? 0) + 1;
}

interface Redriving {
  id: string;
  to: Target | undefined;
  unverified: boolean | undefined;
}

async function redrive(
  admin: TenantAdmin,
  stored: StoredLetter,
  { id, to, unverified = false }: Redriving,
): Promise<"Redriven" | "Full" | SkipReason> {
  const { letter } = stored;
  if (!to) return "NoSuchSubscription";
  // A driver writes its dead letters itself: it could name an event that was never meant for it.
  const place = parseEventSubject(stored.subject) ?? parseHandlingsSubject(stored.subject);
  if (place?.type !== letter.type || !to.takes(place.type)) return "BadLetter";
  const original = (await originalOf(admin, to.stream, stored)) ?? (unverified ? copyOf(stored) : undefined);
  if (!original) return "EventGone";
  const sent = await direct(admin.connection, to, original, {
    ...{ id, kind: "Redrive", attempts: letter.attempts, redrives: letter.redrives + 1 },
    messageId: `redrive:${letter.sequence}:${letter.at}`,
  });
  if (sent === "Full" || sent === "TooLarge") return sent;
  await remove(admin, stored);
  return "Redriven";
}

/** The event itself, where the bus still has it: what the letter says of it is the word of the driver that wrote it. */
async function originalOf(
  { jetstream }: TenantAdmin,
  stream: string,
  { subject, sequence, values }: StoredLetter,
): Promise<Original | undefined> {
  const found = await messageAt(jetstream, stream, sequence);
  if (found?.subject !== subject) return undefined;
  const own = valuesOf(found.header);
  const same = ["id", "source"].every((name) => own.get(CE_PREFIX + name) === values.get(CE_PREFIX + name));
  if (!same) return undefined;
  return { subject, sequence, storedMs: found.time.getTime(), values: own, payload: found.data };
}

const copyOf = ({ letter, subject, sequence, values, payload }: StoredLetter): Original | undefined =>
  letter.cut ? undefined : { subject, sequence, storedMs: Date.parse(letter.at), values, payload };

const streamOf = (subject: string) => (subject.startsWith("run.") ? streams.handlings : streams.events);

async function lastLetter({ jetstream }: TenantAdmin): Promise<number> {
  return (await jetstream.streams.info(streams.deadLetters)).state.last_seq;
}

const NO_MESSAGE = JetStreamApiCodes.NoMessageFound;

async function remove({ jetstream }: TenantAdmin, { letter }: StoredLetter): Promise<void> {
  try {
    await jetstream.streams.deleteMessage(streams.deadLetters, letter.sequence, false);
  } catch (error) {
    // Somebody else was quicker, or the stream's limits.
    const isGone =
      error instanceof JetStreamApiError && (error.code === NO_MESSAGE || /not found/i.test(error.message));
    if (!isGone) throw error;
  }
}
