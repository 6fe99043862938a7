import { ASSERTION_EXTENSION, DriverError, type Event } from "@vextir/driver-runtime";
import type { Config } from "../config.ts";

type Trust = Pick<Config, "trustedPublishers" | "defaultUser">;

/**
 * Whose documents an event is about. An assertion goes along to the hub, which verifies it; without one a trusted publisher's word
 * is taken. What the data says decides nothing: whoever may send an event could write anything there.
 * @throws DriverError `NotGranted`, `InvalidInput`
 */
export function whoseOf(event: Event, said: string | undefined, trust: Trust): string {
  const asserted = subjectOf(event.extensions[ASSERTION_EXTENSION]);
  const user = asserted ?? believed(event, trust);
  for (const [field, other] of [
    ["userid", event.userId],
    ["data.userId", said],
  ])
    if (other !== undefined && other !== user)
      throw new DriverError("InvalidInput", `${field}: another user than the one on whose behalf this is`);
  return user;
}

function believed({ publisher, userId }: Event, { trustedPublishers, defaultUser }: Trust): string {
  if (!trustedPublishers.includes(publisher))
    throw new DriverError(
      "NotGranted",
      `"${publisher}" may not say whose documents are meant: the event needs the gateway's assertion of its user, or config.trustedPublishers the publisher`,
    );
  const user = userId ?? defaultUser;
  if (user === undefined)
    throw new DriverError("InvalidInput", "userid: the event has no user; whose documents are meant?");
  return user;
}

/** Not verified: a hub that does not find it good refuses the call. */
function subjectOf(assertion: string | undefined): string | undefined {
  if (assertion === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(assertion.split(".")[1] ?? "", "base64url").toString());
    const { sub } = claims as { sub?: unknown };
    if (typeof sub === "string" && sub !== "") return sub;
  } catch {}
  throw new DriverError("NotGranted", `${ASSERTION_EXTENSION}: not a gateway's assertion of a user`);
}
