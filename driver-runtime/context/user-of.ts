import { DriverError } from "../errors.ts";
import type { Event } from "../events/event.ts";
import { ASSERTION_EXTENSION } from "./context.ts";

export interface UserTrust {
  /** Drivers whose word on an event's user is taken. */
  trustedPublishers: readonly string[];
  /** Of their events without one. */
  defaultUser?: string | undefined;
}

/**
 * The user on whose behalf an event is handled, for drivers that are granted more than his documents: the hub holds them to him only by
 * what they ask it for. An assertion goes along to the hub, which verifies it; without one a trusted publisher's word is taken. What the
 * data says decides nothing: whoever may send an event could write anything there.
 * @throws DriverError `NotGranted`; `InvalidInput` when there is no user, or the event says two
 */
export function userOf(
  event: Pick<Event, "publisher" | "userId" | "extensions">,
  { trustedPublishers, defaultUser }: UserTrust,
): string {
  const { publisher, userId, extensions } = event;
  const asserted = subjectOf(extensions[ASSERTION_EXTENSION]);
  if (asserted !== undefined) {
    if (userId === undefined || userId === asserted) return asserted;
    throw new DriverError("InvalidInput", "userid: another user than the one whom the gateway asserts");
  }
  if (!trustedPublishers.includes(publisher))
    throw new DriverError(
      "NotGranted",
      `"${publisher}" may not say whose documents are meant: the event needs the gateway's assertion of its user, or the publisher must be among the trusted ones`,
    );
  const user = userId ?? defaultUser;
  if (user !== undefined) return user;
  throw new DriverError("InvalidInput", "userid: the event has no user; whose documents are meant?");
}

/** What is none can't even be sent to the hub. */
const JWT = /^[\w-]+\.([\w-]+)\.[\w-]+$/;

/** Not verified: a hub that does not find it good refuses the call. */
function subjectOf(assertion: string | undefined): string | undefined {
  if (assertion === undefined) return undefined;
  try {
    const [, payload = ""] = JWT.exec(assertion) ?? [];
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString());
    const { sub } = claims as { sub?: unknown };
    if (typeof sub === "string" && sub !== "") return sub;
  } catch {}
  throw new DriverError("NotGranted", `${ASSERTION_EXTENSION}: not a gateway's assertion of a user`);
}
