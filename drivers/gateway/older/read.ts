import { randomUUID } from "node:crypto";
import type { IncomingEvent } from "../cloudevents/incoming.ts";
import { parseJson } from "../cloudevents/json.ts";
import { readObject } from "../cloudevents/structured.ts";
import { Problem } from "../problem.ts";
import { fromOlder } from "./mapping.ts";
import { type CloudEventJson, isObject, type OlderEvent, OlderEventError } from "./older-event.ts";

/** What the older form calls attributes. */
const MEMBERS: Readonly<Record<string, string>> = { time: "timestamp", userid: "userID", data: "metadata" };

/** An event of the older platform in a request's body. @throws Problem naming the member. */
export function readOlder(body: Uint8Array): IncomingEvent {
  const older = parseJson(body, "the body");
  if (!isObject(older))
    throw new Problem("InvalidBody", "the body must be a JSON object: an event of the older form");
  return readObject(mapped(older), "the body", (attribute) => MEMBERS[attribute] ?? attribute);
}

function mapped(older: OlderEvent): CloudEventJson {
  try {
    return fromOlder(older, randomUUID);
  } catch (error) {
    if (!(error instanceof OlderEventError)) throw error;
    const { field, message } = error;
    const code = older[field] === undefined ? "MissingAttribute" : "InvalidAttribute";
    throw new Problem(code, message, { field, cause: error });
  }
}
