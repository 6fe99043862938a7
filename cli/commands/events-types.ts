import { matches } from "@vextir/api";
import { catalogue, dataSchemaUri, jsonSchemaOf } from "@vextir/api/catalogue/index.ts";
import { LocalError } from "../local/local-error.ts";
import { table } from "../local/output/text.ts";

/** `vextir events types`: text for the screen. @throws LocalError when there are none of that pattern. */
export async function eventTypes(pattern: string, options: { output?: string }): Promise<string> {
  const entries = (await catalogue()).filter(({ type }) => matches(pattern, type));
  if (entries.length === 0)
    throw new LocalError(
      "NotFound",
      `the catalogue has no type "${pattern}": vextir events types lists them all`,
    );
  if (options.output === "json")
    return JSON.stringify(
      entries.map((entry) => ({
        type: entry.type,
        version: entry.version,
        dataschema: dataSchemaUri(entry.type, entry.version),
        description: entry.description,
        schema: jsonSchemaOf(entry),
      })),
      null,
      2,
    );
  const rows = entries.map(({ type, version, description, schema }) => [
    type,
    String(version),
    requiredOf(schema.shape),
    description,
  ]);
  return table(["TYPE", "VERSION", "REQUIRED", "DESCRIPTION"], rows).join("\n");
}

function requiredOf(
  shape: Readonly<Record<string, { safeParse(value: unknown): { success: boolean } }>>,
): string {
  const names = Object.entries(shape).filter(([, member]) => !member.safeParse(undefined).success);
  return names.map(([name]) => name).join(", ");
}
