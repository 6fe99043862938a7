/** Writes crds/*.yaml and the chart's copies; with `--check` fails when they are stale. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { customResourceDefinition, type Definition } from "./definition.ts";
import {
  driverDefinition,
  eventBusDefinition,
  modelDefinition,
  tenantPolicyDefinition,
  toolServerDefinition,
} from "./definitions.ts";

const HEADER = "# Generated from api/kinds by api/crd/generate.ts.\n";

function yaml(definition: Definition): string {
  return (
    HEADER + stringify(customResourceDefinition(definition), { aliasDuplicateObjects: false, lineWidth: 0 })
  );
}

/** The CustomResourceDefinitions: file name within crds/ -> text. */
export function generateCrds(): Map<string, string> {
  const definitions = [
    driverDefinition,
    eventBusDefinition,
    modelDefinition,
    tenantPolicyDefinition,
    toolServerDefinition,
  ];
  return new Map(definitions.map((d) => [`${d.plural}.yaml`, yaml(d)]));
}

/** Files of crds/ that differ from what the schemas say; superfluous ones too. */
export function staleCrds(folder: string): string[] {
  const wanted = generateCrds();
  const found = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
  const text = (file: string) =>
    found.includes(file) ? readFileSync(join(folder, file), "utf8") : undefined;
  return [...new Set([...wanted.keys(), ...found])].filter((file) => text(file) !== wanted.get(file));
}

/** Helm packs only what is inside the chart, so it has copies. */
const FOLDERS = ["crds", "charts/vextir/files/crds"];

function check(name: string, folder: string): void {
  const stale = staleCrds(folder);
  if (stale.length === 0) return;
  console.error(`${name}/: ${stale.join(", ")} differ from api/kinds; run: make generate`);
  process.exitCode = 1;
}

function write(folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of generateCrds()) writeFileSync(join(folder, file), text);
}

if (import.meta.main) {
  for (const name of FOLDERS) {
    const folder = join(import.meta.dirname, "../..", name);
    if (process.argv.includes("--check")) check(name, folder);
    else write(folder);
  }
}
