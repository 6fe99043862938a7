import type { z } from "zod";
import { versionsOf } from "./catalogue.ts";
import { type CatalogueEntry, dataSchemaUri, OLDER_VERSION } from "./entry.ts";

/** How an event's data breaks the schema of its type. */
export interface Violation {
  /** `data.from.address`, or `dataschema`. */
  field: string;
  problem: string;
  /** URI of the schema. */
  schema: string;
}

/**
 * Checks data against the catalogue's schema of the type: the version that `dataSchema` names, the first where it names
 * none. Undefined when it fits, when it is of the older platform, or the catalogue has no such type.
 */
export async function catalogueViolation(
  type: string,
  dataSchema: string | undefined,
  data: unknown,
): Promise<Violation | undefined> {
  const versions = await versionsOf(type);
  const [first] = versions;
  if (!first || dataSchema === dataSchemaUri(type, OLDER_VERSION)) return undefined;
  const wanted = dataSchema ?? dataSchemaUri(type, first.version);
  const found = versions.find(({ version }) => dataSchemaUri(type, version) === wanted);
  return found ? violationOf(found.schema, wanted, data) : unknownVersion(type, wanted, versions);
}

export function violationOf(schema: z.ZodType, uri: string, data: unknown): Violation | undefined {
  const result = schema.safeParse(data);
  if (result.success) return undefined;
  const [issue] = result.error.issues;
  const field = ["data", ...(issue?.path ?? [])].join(".").slice(0, 200);
  return { field, problem: issue?.message ?? "not valid", schema: uri };
}

function unknownVersion(type: string, wanted: string, versions: readonly CatalogueEntry[]): Violation {
  const uris = versions.map(({ version }) => dataSchemaUri(type, version));
  return {
    field: "dataschema",
    problem: `"${type}" is of the catalogue: leave it out, or name one of ${uris.join(", ")}`,
    schema: wanted.slice(0, 200),
  };
}
