import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ToolError } from "./tool-error.ts";

/** Where programs are kept: `VEXTIR_CACHE`, else `~/.cache/vextir`. */
export const cacheFolder = () => process.env["VEXTIR_CACHE"] || join(homedir(), ".cache", "vextir");

const LOCK_POLL_MS = 200;
/** Longer than a first build of everything takes on a small machine. */
const LOCK_PATIENCE_MS = 60 * 60_000;

/**
 * Paths of `names` in the cache's `folder`. When one is absent, `make` gets an empty folder, fills in all of them and they
 * are moved into place one by one, so no process ever sees half a program. Other processes wait for the one that works;
 * should two work at once all the same (a lock whose owner died), both make equal files and the last one stays.
 */
export async function cached(
  folder: string,
  names: readonly string[],
  make: (into: string) => Promise<void>,
): Promise<string[]> {
  const target = join(cacheFolder(), folder);
  const paths = names.map((name) => join(target, name));
  if (await allThere(paths)) return paths;
  await mkdir(target, { recursive: true });
  const release = await lock(join(target, `.lock-${names[0]}`));
  try {
    if (!(await allThere(paths))) await makeInto(target, names, make);
  } finally {
    await release();
  }
  return paths;
}

async function makeInto(target: string, names: readonly string[], make: (into: string) => Promise<void>) {
  const prefix = `.making-${names[0]}-`;
  await removeLeftovers(target, prefix);
  const work = await mkdtemp(join(target, prefix));
  try {
    await make(work);
    for (const name of names) {
      if (!(await allThere([join(work, name)])))
        throw new ToolError("Failed", `${name} should have been made, but it is absent`);
      await rm(join(target, name), { recursive: true, force: true });
      await rename(join(work, name), join(target, name));
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Those of processes that were killed at work. */
async function removeLeftovers(folder: string, prefix: string) {
  const leftovers = (await readdir(folder)).filter((name) => name.startsWith(prefix));
  await Promise.all(leftovers.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

async function allThere(paths: readonly string[]): Promise<boolean> {
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  return found.every(Boolean);
}

/** Takes a lock file that names this process; a dead owner's is taken over. */
async function lock(path: string): Promise<() => Promise<void>> {
  const deadline = Date.now() + LOCK_PATIENCE_MS;
  while (!(await take(path))) {
    if (await ownerIsDead(path)) await rm(path, { force: true });
    else if (Date.now() > deadline)
      throw new ToolError(
        "Failed",
        `another process keeps ${path} for more than an hour; remove it if none is at work`,
      );
    else await delay(LOCK_POLL_MS);
  }
  return () => rm(path, { force: true });
}

async function take(path: string): Promise<boolean> {
  try {
    await writeFile(path, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function ownerIsDead(path: string): Promise<boolean> {
  const text = await readFile(path, "utf8").catch(() => undefined);
  // Absent: just released. Empty: its owner has made it and not written yet.
  if (!text) return false;
  try {
    process.kill(Number(text), 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
}
