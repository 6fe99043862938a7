import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createRealm, type KeyMaterial } from "@vextir/operator/bus/index.ts";
import { LocalError } from "../local-error.ts";
import { writeAtomically } from "./atomic-file.ts";
import { StateLock } from "./lock.ts";
import type { StatePaths } from "./state-folder.ts";

const SECRET_BYTES = 32;

/** What every key of this bus is derived from; made by the first run. @throws LocalError `BadState` */
export async function keyMaterial(paths: StatePaths): Promise<KeyMaterial> {
  const found = await readSecret(paths.masterSecret);
  const master = found ?? randomBytes(SECRET_BYTES);
  if (!found) await writeAtomically(paths.masterSecret, master);
  const identity = await readSecret(paths.identity);
  return { ...createRealm(master).material, ...(identity && { identity }) };
}

/**
 * Replaces the secret that every key is derived from, and keeps what the accounts' ids follow from, so that the bus's data stays.
 * The next run signs everything anew. @throws LocalError `StateLocked` while the local mode runs, `BadState` where there is none.
 */
export async function replaceMaster(paths: StatePaths): Promise<void> {
  const lock = StateLock.acquire(paths.lock);
  try {
    const master = await readSecret(paths.masterSecret);
    if (!master) throw new LocalError("BadState", `${paths.folder} holds no keys: it was never run`);
    // First: killed after it, nothing has changed.
    if (!(await readSecret(paths.identity))) await writeAtomically(paths.identity, master);
    await writeAtomically(paths.masterSecret, randomBytes(SECRET_BYTES));
  } finally {
    lock.release();
  }
}

async function readSecret(path: string): Promise<Buffer | undefined> {
  const found = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (!found || found.length === SECRET_BYTES) return found;
  throw new LocalError("BadState", `${path} holds ${found.length} bytes, expected ${SECRET_BYTES}`);
}
