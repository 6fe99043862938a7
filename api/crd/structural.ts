import { z } from "zod";

/** A JSON Schema as the API server takes it: "structural" (apiextensions.k8s.io/v1). */
export type StructuralSchema = { [key: string]: unknown };

/**
 * The structural schema of a zod schema, as its *input*: what has a default may be left out. Members that Kubernetes refuses are
 * dropped (`$schema`, `propertyNames`, `additionalProperties` beside preserved unknown fields) or said otherwise (`const`).
 * @throws TypeError for what a structural schema can't say: references, and schemas without a type.
 */
export function structural(schema: z.ZodType): StructuralSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, {
    io: "input",
    target: "openapi-3.0",
    reused: "inline",
    cycles: "throw",
  });
  return convert(json as StructuralSchema, "");
}

function convert(schema: StructuralSchema, path: string): StructuralSchema {
  if (schema["$ref"] !== undefined) throw new TypeError(`${path || "."}: references are not structural`);
  const kept = Object.entries(schema).filter(([key]) => !DROPPED.has(key));
  const result: StructuralSchema = Object.fromEntries(kept);
  for (const bound of ["minimum", "maximum"]) if (isSafeBound(result[bound])) delete result[bound];
  if (schema["const"] !== undefined) result["enum"] = [schema["const"]];
  if (result["type"] === "integer") result["format"] ??= "int32";
  convertMembers(schema, result, path);
  const junctors = JUNCTORS.filter((key) => Array.isArray(schema[key]));
  for (const key of junctors) liftJunctor(result, schema[key] as StructuralSchema[], key, path);
  if (typeof result["type"] !== "string")
    throw new TypeError(`${path || "."}: a structural schema has a type`);
  return result;
}

const DROPPED = new Set(["propertyNames", "const", "id", "examples"]);
const JUNCTORS = ["anyOf", "oneOf", "allOf"];

/** zod bounds integers by what a JavaScript number holds exactly. */
function isSafeBound(value: unknown): boolean {
  return value === Number.MAX_SAFE_INTEGER || value === Number.MIN_SAFE_INTEGER;
}

function convertMembers(schema: StructuralSchema, result: StructuralSchema, path: string): void {
  const properties = schema["properties"] as Record<string, StructuralSchema> | undefined;
  if (properties)
    result["properties"] = Object.fromEntries(
      Object.entries(properties).map(([name, member]) => [name, convert(member, `${path}.${name}`)]),
    );
  if (schema["items"]) result["items"] = convert(schema["items"] as StructuralSchema, `${path}[]`);
  const additional = schema["additionalProperties"];
  delete result["additionalProperties"];
  if (properties || schema["x-kubernetes-preserve-unknown-fields"]) return;
  if (additional && typeof additional === "object")
    result["additionalProperties"] = convert(additional as StructuralSchema, `${path}[*]`);
}

/** Within `anyOf` and the like only value validations may stand: the type goes to the schema around it. */
function liftJunctor(
  result: StructuralSchema,
  branches: StructuralSchema[],
  key: string,
  path: string,
): void {
  const types = new Set(branches.map((branch) => branch["type"]));
  if (result["type"] === undefined && types.size === 1) result["type"] = [...types][0];
  if (types.size > 1) throw new TypeError(`${path || "."}: the branches of ${key} are of different types`);
  result[key] = branches.map(({ type: _type, description: _text, default: _value, ...rest }) => rest);
}
