/**
 * Writes schemas/*.json; with `--check` fails when they are stale. A change that would break readers or writers of a version
 * is not written: it needs another version.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { breakingChanges } from "./compatibility.ts";
import { generateSchemas } from "./json-schemas.ts";

const FOLDER = join(import.meta.dirname, "../../schemas");

function written(folder: string): Map<string, string> {
  const files = readdirSync(folder).filter((file) => file.endsWith(".json"));
  return new Map(files.map((file) => [file, readFileSync(join(folder, file), "utf8")]));
}

/** What stands against writing `wanted` over what is there: breaking changes, and versions that would go. */
export function refusals(found: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): string[] {
  return [...found].flatMap(([file, text]) => {
    const next = wanted.get(file);
    if (next === undefined) return [`${file}: a version that was released stays`];
    if (next === text) return [];
    return breakingChanges(JSON.parse(text), JSON.parse(next)).map((change) => `${file}: ${change}`);
  });
}

if (import.meta.main) {
  mkdirSync(FOLDER, { recursive: true });
  const found = written(FOLDER);
  const wanted = await generateSchemas();
  const refused = refusals(found, wanted);
  const stale = [...wanted].filter(([file, text]) => found.get(file) !== text).map(([file]) => file);
  if (refused.length > 0)
    console.error(`schemas/: not compatible; give the type another version:\n  ${refused.join("\n  ")}`);
  else if (process.argv.includes("--check") && stale.length > 0)
    console.error(`schemas/: ${stale.join(", ")} differ from api/catalogue; run: make generate`);
  else if (!process.argv.includes("--check"))
    for (const file of stale) writeFileSync(join(FOLDER, file), wanted.get(file) ?? "");
  if (refused.length > 0 || (process.argv.includes("--check") && stale.length > 0)) process.exitCode = 1;
}
