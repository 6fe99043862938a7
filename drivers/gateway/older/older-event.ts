/** A JSON object that is an event of the older platform: `{id?, timestamp, source, type, userID | user_id, metadata, history}`. */
export type OlderEvent = Readonly<Record<string, unknown>>;

/** A CloudEvent in the JSON event format. */
export type CloudEventJson = Readonly<Record<string, unknown>>;

/** The media type under which this form is sent and asked for. */
export const OLDER_TYPE = "application/vnd.vextir.event+json";

/** Why an older event has no CloudEvent: its members that can't be left out, or mean two things. */
export class OlderEventError extends Error {
  override readonly name = "OlderEventError";
  readonly field: string;

  constructor(field: string, rule: string) {
    super(`"${field}": ${rule}`);
    this.field = field;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** A number that a double can't hold, as `parseJson` leaves it. */
const { isRawJSON } = JSON as unknown as { isRawJSON(value: unknown): value is { rawJSON: string } };

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !isRawJSON(value);

/** A long number as the nearest double; all else as it is. */
export const plainNumber = (value: unknown): unknown => (isRawJSON(value) ? Number(value.rawJSON) : value);

/** The object without a member, which may be called anything (`__proto__`). */
export const without = (object: JsonObject, ...names: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));

/** Whether two JSON values are the same, whatever the order of their members. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isRawJSON(a) && isRawJSON(b)) return a.rawJSON === b.rawJSON;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((part, index) => isSame(part, b[index]));
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame(a[name], b[name]))
  );
}
