import { CloudEvent } from "@vextir/driver-runtime";
import { FORBIDDEN, idOf, sourceOf, timeOf, typeOf, userOf } from "./attributes.ts";
import {
  type CloudEventJson,
  isObject,
  isSame,
  type JsonObject,
  type OlderEvent,
  without,
} from "./older-event.ts";
import { ATTRIBUTE, attributeText, carried, isNothing, MEMBER, residueOf, restored } from "./residue.ts";

/** The member in which an older event shows attributes that the older form has no place for. */
const ATTRIBUTES = "cloudevent";
/** Attributes (and the data) that have a member of their own. */
const MAPPED = new Set(["specversion", "id", "source", "type", "time", "userid", "data"]);

/**
 * The CloudEvent of an older event: `metadata` is its data, `timestamp` its time, `userID` or `user_id` its `userid`. What
 * has no place there goes along as a residue, so that `toOlder` gives back the very same JSON. `newId` makes the id of an
 * event that has none; it keeps that one.
 *
 * @throws OlderEventError naming the member at fault.
 */
export function fromOlder(given: OlderEvent, newId: () => string): CloudEventJson {
  const older = hasId(given) ? given : { ...given, id: newId() };
  const base = baseOf(older);
  const shown = shownAttributes(older[ATTRIBUTES]);
  const whole = shown && withResidue(older, { ...base, ...shown });
  if (whole && isEvent(whole)) return whole;
  // The member is something of the client's own.
  return withResidue(older, { ...base, time: timeOf(older["timestamp"]) }) ?? base;
}

const hasId = ({ id }: OlderEvent) => id !== undefined && id !== null && id !== "";

function baseOf(older: OlderEvent): CloudEventJson {
  const { timestamp } = older;
  const user = userOf(older["userID"], older["user_id"]);
  return {
    specversion: "1.0",
    id: idOf(older["id"]),
    source: sourceOf(older["source"]),
    type: typeOf(older["type"]),
    // An event that shows attributes may have come from a CloudEvent without a time.
    ...((timestamp !== undefined || !isObject(older[ATTRIBUTES])) && { time: timeOf(timestamp) }),
    ...(user !== undefined && { userid: user }),
    ...(Object.hasOwn(older, "metadata") && { data: older["metadata"] }),
  };
}

/** Whether its attributes are such as the gateway takes. */
function isEvent({ data, ...attributes }: CloudEventJson): boolean {
  const isTwofold = data !== undefined && Object.hasOwn(attributes, "data_base64");
  return (
    !isTwofold && CloudEvent.safeParse(attributes).success && Object.values(attributes).every(isAttribute)
  );
}

/** Undefined when the event has an attribute where the residue would have to go. */
function withResidue(older: OlderEvent, event: CloudEventJson): CloudEventJson | undefined {
  const residue = residueOf(older, plain(event));
  if (isNothing(residue)) return event;
  if (Object.hasOwn(event, ATTRIBUTE) || Object.hasOwn(event, "data_base64")) return undefined;
  const text = attributeText(residue);
  if (text !== undefined) return { ...event, [ATTRIBUTE]: text };
  const { data } = event;
  const stripped = isObject(data) && !Object.hasOwn(data, MEMBER) ? data : {};
  const rest = residueOf(older, plain({ ...event, data: stripped }));
  return { ...event, data: { ...stripped, [MEMBER]: { ...rest } } };
}

/** The older event of a CloudEvent: of one that `fromOlder` made the original, of any other one that leads back to it. */
export function toOlder(event: CloudEventJson): OlderEvent {
  const found = carried(event);
  if (!found) return plain(event);
  const candidate = restored(plain(found.event), found.residue);
  // A residue that others wrote may be about another event: it is believed when it leads back.
  return leadsTo(candidate, event) ? candidate : plain(event);
}

function leadsTo(older: OlderEvent, event: CloudEventJson): boolean {
  try {
    return hasId(older) && isSame(fromOlder(older, String), event);
  } catch {
    return false;
  }
}

function plain(event: CloudEventJson): OlderEvent {
  const { id, source, type, time, userid } = event;
  const others = without(event, ...MAPPED);
  return {
    id,
    ...(time !== undefined && { timestamp: time }),
    source,
    type,
    ...(userid !== undefined && { userID: userid }),
    ...(Object.hasOwn(event, "data") && { metadata: event["data"] }),
    history: [],
    ...(showsAttributes(event, others) && { [ATTRIBUTES]: others }),
  };
}

/** An empty one says that nothing else is missing: the event has no time. */
const showsAttributes = (event: CloudEventJson, others: JsonObject) =>
  Object.keys(others).length > 0 || event["time"] === undefined;

/** The attributes that an older event shows; undefined when the member is something else. */
function shownAttributes(member: unknown): JsonObject | undefined {
  if (!isObject(member)) return undefined;
  const fits = Object.entries(member).every(
    ([name, value]) =>
      (name === "data_base64" || /^[a-z0-9]{1,64}$/.test(name)) && !MAPPED.has(name) && isAttribute(value),
  );
  return fits ? member : undefined;
}

const isAttribute = (value: unknown) =>
  typeof value === "string" ? !FORBIDDEN.test(value) : typeof value === "boolean" || Number.isInteger(value);
