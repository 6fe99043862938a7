import type { IncomingEvent } from "../cloudevents/incoming.ts";
import { Problem } from "../problem.ts";
import { challenge } from "./authentication.ts";
import { mayPublish, maySpeakFor, type Principal } from "./grant.ts";

/** A refusal of what somebody, known or not, may not do; `field` names the attribute that tells it from what they may. */
export function notAllowed(detail: string, field?: string): Problem {
  return new Problem("NotAllowed", detail, {
    ...(field !== undefined && { field }),
    headers: { "www-authenticate": challenge("insufficient_scope", detail) },
  });
}

/** The event in the name of whoever sends it; another user's only with a grant for that. @throws Problem `NotAllowed` */
export function authorized(event: IncomingEvent, principal: Principal): IncomingEvent {
  const user = event.userId ?? principal.userId;
  if (event.userId !== undefined && event.userId !== principal.userId && !maySpeakFor(principal, user))
    throw notAllowed("events of this user may not be sent with what you have shown", "userid");
  if (!mayPublish(principal, event.type, user))
    throw notAllowed(`events of type "${event.type}" may not be sent with what you have shown`, "type");
  return user === undefined ? event : { ...event, userId: user };
}
