/** Writes the generated files; with --check it only says which are stale, and fails. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const generators = [
  "api/crd/generate.ts",
  "api/catalogue/generate.ts",
  "drivers/gateway/openapi/generate.ts",
  "proto/generate.ts",
];
const args = process.argv.slice(2);

for (const generator of generators) {
  const { status } = spawnSync(process.execPath, [generator, ...args], {
    cwd: join(import.meta.dirname, ".."),
    stdio: "inherit",
  });
  if (status !== 0) process.exitCode = 1;
}
