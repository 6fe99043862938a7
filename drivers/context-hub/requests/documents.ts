import {
  type Context,
  DriverError,
  type DriverErrorCode,
  type StoredDocument,
  type WrittenDocument,
} from "@vextir/driver-runtime";
import type { z } from "zod";
import type { CreateDocument, DeleteDocument, UpdateDocument } from "./schemas.ts";

/** On whose behalf, by whom, and within which time a request is done. */
export interface Desk {
  ctx: Context;
  user: string;
  /** The driver's own name, as the hub knows it. */
  driver: string;
  /** For one call of the hub. */
  timeoutMs: number;
}

/** What was done. */
export interface Done extends Omit<WrittenDocument, "etag"> {
  etag: string | undefined;
  collection: string | undefined;
}

/** Changes between looking and writing that are borne. */
const RACES = 20;
/** What the hub keeps of an event's id. */
const ID_LENGTH = 200;

export async function createDocument(
  desk: Desk,
  { userId: _, ...document }: z.output<typeof CreateDocument>,
): Promise<Done> {
  const { ctx, user, timeoutMs } = desk;
  const { collection } = document;
  const written = await ctx.context.create({ ...document, user }, { timeoutMs, signal: ctx.signal });
  // What is there already may be what an attempt before this one stored.
  const changed = written.changed || (isAgain(ctx) && (await isOwnWork(desk, written.id)));
  return { ...written, changed, collection };
}

/** @throws DriverError `NotFound` also for another user's, `Conflict` */
export async function updateDocument(
  desk: Desk,
  { documentId: id, etag, userId: _, ...document }: z.output<typeof UpdateDocument>,
): Promise<Done> {
  const { ctx, user, timeoutMs } = desk;
  const limits = { timeoutMs, signal: ctx.signal };
  const { collection } = document;
  for (let race = 0; ; race++) {
    const current = await ownDocument(desk, id);
    const before = await ownRevision(desk, current);
    if (before) return { id, revision: before.revision, etag: before.etag, changed: true, collection };
    try {
      // The etag of what was looked at: nobody has given it to somebody else meanwhile.
      const written = await ctx.context.update(
        id,
        { ...document, user },
        { ...limits, etag: etag ?? current.etag },
      );
      return { ...written, collection };
    } catch (error) {
      if (!isOf(error, "Conflict") || etag !== undefined || race >= RACES || (await isUnmoved(desk, current)))
        throw error;
    }
  }
}

/** @throws DriverError `NotFound` also for another user's, `Conflict` */
export async function deleteDocument(desk: Desk, request: z.output<typeof DeleteDocument>): Promise<Done> {
  try {
    return await ended(desk, request);
  } catch (error) {
    // Gone is what was asked for; an attempt before this one may have done it.
    if (!(isAgain(desk.ctx) && isOf(error, "NotFound"))) throw error;
    return { id: request.documentId, revision: 0, etag: undefined, changed: false, collection: undefined };
  }
}

async function ended(desk: Desk, { documentId: id, etag }: z.output<typeof DeleteDocument>): Promise<Done> {
  const { ctx, timeoutMs } = desk;
  for (let race = 0; ; race++) {
    const { collection, etag: seen } = await ownDocument(desk, id);
    try {
      const options = { timeoutMs, signal: ctx.signal, etag: etag ?? seen };
      return { ...(await ctx.context.delete(id, options)), etag: undefined, collection };
    } catch (error) {
      if (!isOf(error, "Conflict") || etag !== undefined || race >= RACES) throw error;
    }
  }
}

/** Ids are easily passed on: another user's document is not there, whatever this driver may see itself. */
async function ownDocument({ ctx, user, timeoutMs }: Desk, id: string): Promise<StoredDocument> {
  const document = await ctx.context.get(id, { timeoutMs, signal: ctx.signal });
  if (document.user === user) return document;
  throw new DriverError("NotFound", `no document ${id}`);
}

/** The revision that an attempt before this one made of the event, if it came that far. */
async function ownRevision(desk: Desk, current: StoredDocument): Promise<StoredDocument | undefined> {
  const { ctx, timeoutMs } = desk;
  if (!isAgain(ctx)) return undefined;
  if (isOwn(desk, current)) return current;
  const limits = { timeoutMs, signal: ctx.signal };
  for (let pageToken = ""; ; ) {
    const page = await ctx.context.history(current.id, { ...limits, pageSize: 200, pageToken });
    const found = page.revisions.find((one) => isOwn(desk, one) && one.revision > 1);
    if (found || page.nextPageToken === "") return found;
    pageToken = page.nextPageToken;
  }
}

/** Without the right to read it is not known. */
async function isOwnWork(desk: Desk, id: string): Promise<boolean> {
  try {
    return isOwn(desk, await ownDocument(desk, id));
  } catch (error) {
    if (isOf(error, "NotGranted") || isOf(error, "NotFound")) return false;
    throw error;
  }
}

const isOwn = ({ ctx, driver }: Desk, { provenance }: StoredDocument) =>
  provenance.driver === driver && provenance.eventId === ctx.event.id.slice(0, ID_LENGTH);

/** The document is as it was: the conflict is with another one that says the same. */
async function isUnmoved(desk: Desk, { id, etag }: StoredDocument): Promise<boolean> {
  return (await ownDocument(desk, id)).etag === etag;
}

/** The event may have been handled before, as far as nobody knows. */
const isAgain = ({ attempt, event }: Context) => attempt > 1 || event.replay !== undefined;
const isOf = (error: unknown, code: DriverErrorCode) => error instanceof DriverError && error.code === code;
