import { z } from "zod";
import { catalogue } from "./catalogue.ts";
import { type CatalogueEntry, dataSchemaUri } from "./entry.ts";

/** The entry's JSON Schema (2020-12): what may be written. Members that it doesn't name are allowed. */
export function jsonSchemaOf({
  type,
  version,
  description,
  schema,
}: CatalogueEntry): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return { $schema, $id: dataSchemaUri(type, version), title: type, description, ...rest };
}

export const schemaFile = ({ type, version }: CatalogueEntry) => `${type}.v${version}.json`;

/** The generated files: name within schemas/ -> text. */
export async function generateSchemas(): Promise<Map<string, string>> {
  const entries = await catalogue();
  return new Map(
    entries.map((each) => [schemaFile(each), `${JSON.stringify(jsonSchemaOf(each), null, 2)}\n`]),
  );
}
