import { readFile, rm, writeFile } from "node:fs/promises";

/** One process per folder: PGlite itself would let two write, and ruin it. */
export class FolderLock {
  readonly #path: string;
  private constructor(path: string) {
    this.#path = path;
  }

  /** @throws Error naming the process that has it. A lock whose process is gone is taken over. */
  static async acquire(path: string, owner: string): Promise<FolderLock> {
    for (let tries = 0; tries < 2; tries++) {
      try {
        await writeFile(path, String(process.pid), { flag: "wx" });
        return new FolderLock(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      }
      const holder = Number(await readFile(path, "utf8").catch(() => ""));
      if (holder > 0 && holder !== process.pid && isAlive(holder))
        throw new Error(
          `process ${holder} has the folder of the ${owner}: ${path}; an embedded ${owner} has one replica`,
        );
      await rm(path, { force: true });
    }
    throw new Error(`the folder of the ${owner} is being taken by another process: ${path}`);
  }

  async release(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
