/** Writes drivers/gateway/openapi.json; with `--check` fails when it is stale. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApiText } from "./document.ts";

const file = join(import.meta.dirname, "..", "openapi.json");
const text = openApiText();

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (!existsSync(file) || readFileSync(file, "utf8") !== text) {
  console.error("drivers/gateway/openapi.json differs from drivers/gateway/openapi; run: make generate");
  process.exitCode = 1;
}
