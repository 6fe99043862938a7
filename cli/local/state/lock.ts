import { randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { LocalError } from "../local-error.ts";
import { startOf } from "../processes/identity.ts";

export interface LockHolder {
  pid: number;
  start: string;
}

/** Who holds the lock; undefined when nobody alive does. */
export function lockHolder(path: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(path, "utf8")) as LockHolder;
    return startOf(holder.pid) === holder.start ? holder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One local mode to a state folder. The lock is a file that names its process; it is free when that process is gone, however it
 * ended.
 */
export class StateLock {
  #path: string;
  #content: string;

  private constructor(path: string, content: string) {
    this.#path = path;
    this.#content = content;
  }

  /** @throws LocalError `StateLocked` when another process that lives holds it. */
  static acquire(path: string): StateLock {
    const content = JSON.stringify({ pid: process.pid, start: startOf(process.pid) ?? "", id: randomUUID() });
    for (let tries = 0; tries < 10; tries++) {
      if (tryCreate(path, content)) return new StateLock(path, content);
      const holder = lockHolder(path);
      if (holder)
        throw new LocalError(
          "StateLocked",
          `process ${holder.pid} already runs the local mode on this state: stop it, or name another --state`,
        );
      removeStale(path);
    }
    throw new LocalError("StateLocked", `${path} can't be taken: others take it all the time`);
  }

  release(): void {
    try {
      if (readFileSync(this.#path, "utf8") === this.#content) unlinkSync(this.#path);
    } catch {
      // Somebody removed it, or the whole folder.
    }
  }
}

/** A link is made or refused as a whole: nobody ever reads half a lock. */
function tryCreate(path: string, content: string): boolean {
  const draft = `${path}.${randomUUID().slice(0, 8)}`;
  writeFileSync(draft, content, { mode: 0o600 });
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two that find the same stale lock must not remove the new one of the first: what was moved away is looked at again. */
function removeStale(path: string): void {
  const aside = `${path}.${randomUUID().slice(0, 8)}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (lockHolder(aside)) {
    try {
      linkSync(aside, path);
    } catch {
      // A third one took it meanwhile; the holder finds out when it releases.
    }
  }
  rmSync(aside, { force: true });
}
