import { z } from "zod";
import type { HandlerDefinition } from "../driver/definition.ts";
import type { Driver } from "../driver/driver.ts";
import type { Event } from "../events/event.ts";
import type { EventContext } from "./event-context.ts";
import type { Handling } from "./handling.ts";

/** A handler that runs longer than this has failed, unless `@on` says otherwise. */
export const DEFAULT_HANDLER_TIMEOUT_MS = 15 * 60_000;

/** The data is not what the handler's schema says: trying again is of no use. */
export class InvalidData extends Error {
  override readonly name = "InvalidData";
}

/** The event with its data as the schema parsed it. @throws InvalidData */
export async function validated(event: Event, schema: z.ZodType | undefined): Promise<Event> {
  if (!schema) return event;
  const result = await schema["~standard"].validate(event.data);
  if (!result.issues) return { ...event, data: result.value };
  const problems = z.prettifyError(new z.ZodError(result.issues as z.core.$ZodIssue[]));
  throw new InvalidData(`its data is not what the handler takes: ${problems}`);
}

/** Runs the handler; rejects with its error, or when it is aborted: it took too long, or the driver stops. */
export async function runHandler(
  handler: HandlerDefinition,
  driver: Driver,
  event: Event,
  context: EventContext,
  handling: Handling,
): Promise<void> {
  handling.deadlineMs = handling.beganMs + (handler.timeoutMs ?? DEFAULT_HANDLER_TIMEOUT_MS);
  const result = handler.handle(driver, event, context);
  if (!isThenable(result)) return;
  const aborted = Promise.withResolvers<never>();
  handling.abort = (reason) => {
    context.abort(reason);
    aborted.reject(reason);
  };
  await Promise.race([result, aborted.promise]);
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof (value as PromiseLike<unknown> | undefined)?.then === "function";
