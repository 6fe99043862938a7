import { parseJson } from "../cloudevents/json.ts";
import {
  type CloudEventJson,
  isObject,
  isSame,
  type JsonObject,
  type OlderEvent,
  without,
} from "./older-event.ts";

/** What an older event says that its CloudEvent has no place for: members to set, and members to leave out. */
export interface Residue {
  set: JsonObject;
  absent: readonly string[];
}

/** The extension attribute that keeps a small residue, as JSON. */
export const ATTRIBUTE = "olderform";
/** The member of the data that keeps a larger one: a history, mostly. */
export const MEMBER = "$older";
/** As JSON in ASCII; an attribute may have 4,096. */
const MAX_ATTRIBUTE = 2_048;

export function residueOf(original: OlderEvent, rebuilt: OlderEvent): Residue {
  const set = Object.entries(original).filter(
    ([name, value]) => !Object.hasOwn(rebuilt, name) || !isSame(rebuilt[name], value),
  );
  const absent = Object.keys(rebuilt).filter((name) => !Object.hasOwn(original, name));
  return { set: Object.fromEntries(set), absent };
}

export const isNothing = ({ set, absent }: Residue) => Object.keys(set).length === 0 && absent.length === 0;

export const restored = (rebuilt: OlderEvent, { set, absent }: Residue): OlderEvent => {
  const names = Object.keys(set);
  return Object.fromEntries([
    ...Object.entries(without(rebuilt, ...absent, ...names)),
    ...Object.entries(set),
  ]);
};

/** As an attribute may hold it: ASCII without control characters; undefined when it is too long for one. */
export function attributeText(residue: Residue): string | undefined {
  const text = JSON.stringify(residue).replaceAll(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return text.length <= MAX_ATTRIBUTE ? text : undefined;
}

/** The residue that an event carries, and the event without it; undefined when it carries none. */
export function carried(event: CloudEventJson): { residue: Residue; event: CloudEventJson } | undefined {
  const attribute = event[ATTRIBUTE];
  const data = event["data"];
  if (typeof attribute === "string") {
    const residue = parsed(attribute);
    return residue && { residue, event: without(event, ATTRIBUTE) };
  }
  if (!isObject(data) || !Object.hasOwn(data, MEMBER)) return undefined;
  const residue = asResidue(data[MEMBER]);
  return residue && { residue, event: { ...event, data: without(data, MEMBER) } };
}

function parsed(text: string): Residue | undefined {
  try {
    return asResidue(parseJson(Buffer.from(text), ATTRIBUTE));
  } catch {
    return undefined;
  }
}

function asResidue(value: unknown): Residue | undefined {
  if (!isObject(value)) return undefined;
  const { set, absent } = value;
  const fits = isObject(set) && Array.isArray(absent) && absent.every((name) => typeof name === "string");
  return fits ? { set, absent } : undefined;
}
