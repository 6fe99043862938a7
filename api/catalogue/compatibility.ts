/** A JSON Schema as `z.toJSONSchema` writes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Words about a schema: what they say may change. */
const ANNOTATIONS = new Set([
  "$schema",
  "$id",
  "$comment",
  "title",
  "description",
  "examples",
  "deprecated",
  "default",
]);

/**
 * What of the change would break somebody, with its place; empty: nothing. Within a version a type may get members that
 * need not be there, and other words. All else is another version: what is stricter breaks who writes, what is looser
 * breaks who reads.
 */
export function breakingChanges(before: JsonSchema, after: JsonSchema, place = "data"): string[] {
  const properties = propertyChanges(membersOf(before), membersOf(after), place);
  const required = requiredChanges(before, after, place);
  const keywords = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (keyword) => !ANNOTATIONS.has(keyword) && keyword !== "properties" && keyword !== "required",
  );
  const others = keywords.flatMap((keyword) =>
    keywordChanges(keyword, before[keyword], after[keyword], place),
  );
  return [...properties, ...required, ...others];
}

function propertyChanges(before: JsonSchema, after: JsonSchema, place: string): string[] {
  return Object.entries(before).flatMap(([name, schema]) => {
    const next = after[name];
    if (next === undefined) return [`${place}.${name} is gone`];
    return breakingChanges(schema as JsonSchema, next as JsonSchema, `${place}.${name}`);
  });
}

function requiredChanges(before: JsonSchema, after: JsonSchema, place: string): string[] {
  const was = namesOf(before);
  const is = namesOf(after);
  return [
    ...is.filter((name) => !was.includes(name)).map((name) => `${place}.${name} must be there now`),
    ...was.filter((name) => !is.includes(name)).map((name) => `${place}.${name} need not be there any more`),
  ];
}

function keywordChanges(keyword: string, before: unknown, after: unknown, place: string): string[] {
  if (isSchema(before) && isSchema(after)) return breakingChanges(before, after, `${place}[${keyword}]`);
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  return [`${place}: ${keyword} was ${shown(before)} and is ${shown(after)}`];
}

const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const membersOf = (schema: JsonSchema) => (schema["properties"] ?? {}) as JsonSchema;
const namesOf = (schema: JsonSchema) => (schema["required"] ?? []) as string[];
const shown = (value: unknown) => (value === undefined ? "absent" : JSON.stringify(value).slice(0, 100));
