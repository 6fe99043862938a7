import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { z } from "zod";

/**
 * Ids of the tenants' bus accounts, by namespace. JetStream stores under an account's id, so a tenant keeps its data only
 * as long as it keeps its id, also when its EventBus was made again, or restored, with another uid.
 */
export interface PinnedIds {
  get(namespace: string): Promise<string | undefined>;
  put(namespace: string, accountId: string): Promise<void>;
  remove(namespace: string): Promise<void>;
}

/** Kept in a file of JSON, for the local mode. */
export class FilePinnedIds implements PinnedIds {
  readonly #path: string;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async get(namespace: string): Promise<string | undefined> {
    return (await this.read())[namespace];
  }

  put(namespace: string, accountId: string): Promise<void> {
    return this.change((ids) => ({ ...ids, [namespace]: accountId }));
  }

  remove(namespace: string): Promise<void> {
    return this.change(({ [namespace]: _removed, ...rest }) => rest);
  }

  private change(edit: (ids: Record<string, string>) => Record<string, string>): Promise<void> {
    const next = this.#writing.then(async () => {
      await mkdir(dirname(this.#path), { recursive: true });
      // Written aside and moved, so that a crash leaves the old file.
      await writeFile(`${this.#path}.new`, JSON.stringify(edit(await this.read()), null, 2));
      await rename(`${this.#path}.new`, this.#path);
    });
    this.#writing = next.catch(() => {});
    return next;
  }

  private async read(): Promise<Record<string, string>> {
    try {
      return z.record(z.string(), z.string()).parse(JSON.parse(await readFile(this.#path, "utf8")));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
      throw error;
    }
  }
}
