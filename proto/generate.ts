/**
 * Lints the contract, refuses what would break who speaks it (against baseline.json, the contract as released last), and writes
 * gen/; with `--check` fails when that is stale. `--baseline` makes what there is now the released contract. Needs no network.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join, relative } from "node:path";

const FOLDER = import.meta.dirname;
const GENERATED = join(FOLDER, "gen");
const BASELINE = "baseline.json";
const PROGRAMS = join(FOLDER, "../node_modules/.bin");

/** Runs buf in `folder`; what it complains of goes to stderr. @returns whether it was content. */
export function buf(folder: string, ...args: string[]): boolean {
  const env = { ...process.env, PATH: `${PROGRAMS}${delimiter}${process.env["PATH"]}` };
  const { status, error, stdout, stderr } = spawnSync("buf", args, { cwd: folder, env, encoding: "utf8" });
  if (error) throw error;
  if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
  return status === 0;
}

/** Whether the contract in `folder` reads well and breaks nobody. */
export const isSound = (folder: string): boolean =>
  buf(folder, "format", "--diff", "--exit-code", "--path", "contexthub") &&
  buf(folder, "lint") &&
  buf(folder, "breaking", "--against", BASELINE, "--exclude-path", "google");

function contents(folder: string): Map<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  const paths = files.map(({ parentPath, name }) => join(parentPath, name));
  return new Map(paths.map((path) => [relative(folder, path), readFileSync(path, "utf8")]));
}

function isFresh(): boolean {
  const work = mkdtempSync(join(tmpdir(), "vextir-proto-"));
  try {
    if (!buf(FOLDER, "generate", "--output", work)) return false;
    const [found, wanted] = [contents(GENERATED), contents(join(work, "gen"))];
    const stale = [...new Set([...found.keys(), ...wanted.keys()])].filter(
      (file) => found.get(file) !== wanted.get(file),
    );
    if (stale.length > 0)
      console.error(`proto/gen/: ${stale.join(", ")} differ from the contract; run: make generate`);
    return stale.length === 0;
  } finally {
    rmSync(work, { recursive: true });
  }
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  if (process.argv.includes("--baseline") && !buf(FOLDER, "build", "--exclude-source-info", "-o", BASELINE))
    process.exitCode = 1;
  else if (!isSound(FOLDER) || !(check ? isFresh() : buf(FOLDER, "generate"))) process.exitCode = 1;
}
