import { hash } from "node:crypto";
import { type Context, DriverError, type Event, RetryableError } from "@vextir/driver-runtime";
import { z } from "zod";

/** An event that answers a request, or tells what came of it. */
export interface Answer {
  type: string;
  data: Readonly<Record<string, unknown>>;
}

export interface Patience {
  /** Of an event's attempts the one with which it has failed. */
  attempts: number;
  /** Told the code of what has failed. */
  counted: (code: string) => void;
}

/** The hub may be able to later. */
const PASSING = new Set(["Unavailable", "Timeout", "Overloaded", "Closed"]);
const MAX_MESSAGE = 2_000;

/**
 * Does the work of a request and sends what it answers, once: an event that is delivered again is not answered again, and answers
 * that may have been sent are sent with the ids that they had. What went wrong for good is an answer, too.
 * @throws RetryableError while the hub can't, for less than `attempts`
 */
export async function answer(
  ctx: Context,
  patience: Patience,
  work: () => Promise<readonly Answer[]>,
): Promise<void> {
  await ctx.once(`sent.${keyOf(ctx.event)}`, async (id) => {
    const answers = await outcome(ctx, patience, work);
    for (const [i, { type, data }] of answers.entries()) {
      const own = i === 0 ? id : `${id}-${i}`;
      await ctx.publish(type, data, { id: own, messageId: own });
    }
  });
}

/** Remembers what was done, for when it could not be told. */
export const doneOnce = <T>(ctx: Context, work: () => Promise<T>): Promise<T> =>
  ctx.once(`done.${keyOf(ctx.event)}`, work);

async function outcome(
  ctx: Context,
  { attempts, counted }: Patience,
  work: () => Promise<readonly Answer[]>,
): Promise<readonly Answer[]> {
  try {
    return await work();
  } catch (error) {
    ctx.signal.throwIfAborted();
    const { code, message } = faultOf(error);
    if (PASSING.has(code) && ctx.attempt < attempts) throw new RetryableError(message, { cause: error });
    ctx.log.warn({ err: error }, "a request failed");
    counted(code);
    const { id: requestId, type: request } = ctx.event;
    const { userId } = ctx.event;
    return [failed({ requestId, request, userId }, { code, message })];
  }
}

export interface Fault {
  code: string;
  message: string;
}

/** What is told of an error. @throws what is none of the hub's or of the data's */
export function faultOf(error: unknown): Fault {
  if (error instanceof z.ZodError) {
    const [issue] = error.issues;
    const field = ["data", ...(issue?.path ?? [])].map(String).join(".");
    return { code: "InvalidInput", message: `${field}: ${issue?.message}`.slice(0, MAX_MESSAGE) };
  }
  if (!(error instanceof DriverError)) throw error;
  return { code: error.code, message: error.message.slice(0, MAX_MESSAGE) };
}

export const isPassing = ({ code }: Fault) => PASSING.has(code);

export const failed = (
  about: { requestId?: string; request?: string; summary?: string; userId?: string | undefined },
  error: Fault,
): Answer => ({ type: "context.request.failed", data: { ...about, error } });

/** Ids are their sources' own, and anybody's to choose: by the id alone a request could be taken for another's. */
const keyOf = ({ publisher, source, id, userId, type }: Event) =>
  hash("sha256", JSON.stringify([publisher, source, id, userId ?? null, type]), "hex");
