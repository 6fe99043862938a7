import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const YAML = /^[^.].*\.(ya?ml|json)$/;
/** Between two looks. Editors write in several steps: what is changing is read when two looks in a row find it the same. */
const LOOK_MS = 150;
/** What never comes to rest is read all the same after as many looks. */
const MAX_UNSETTLED = 10;
const MAX_FILES = 1_000;

/**
 * Has the YAML files of a folder, or one file, read again when they are others than when they were read last. It looks by itself
 * instead of waiting to be told: the system's notifications get lost on network drives, in containers' shared folders, and when a
 * folder is replaced by another of its name; a thousand files cost a look some milliseconds.
 */
export class FileWatch {
  readonly #path: string;
  readonly #read: () => Promise<void>;
  readonly #closing = new AbortController();
  #looking: Promise<void> = Promise.resolve();

  /** `read` must not reject; it never runs twice at a time. */
  constructor(path: string, read: () => Promise<void>) {
    this.#path = path;
    this.#read = read;
  }

  /** The files that there are now, by name. @throws when the folder can't be read, or holds more than 1,000. */
  async list(): Promise<string[]> {
    if (!(await stat(this.#path)).isDirectory()) return [this.#path];
    const names = (await readdir(this.#path)).filter((name) => YAML.test(name)).sort();
    if (names.length > MAX_FILES) throw new RangeError(`it holds more than ${MAX_FILES} YAML files`);
    return names.map((name) => join(this.#path, name));
  }

  /** Resolves when the files were read for the first time; looks from then on. */
  async start(): Promise<void> {
    // Taken before: what changes while it is read is another the next time.
    const seen = await this.#look();
    await this.#read();
    this.#looking = this.#follow(seen);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#looking;
  }

  async #follow(first: string): Promise<void> {
    const { signal } = this.#closing;
    let [read, before, unsettled] = [first, first, 0];
    while (await sleep(LOOK_MS, true, { signal }).catch(() => false)) {
      const seen = await this.#look();
      const isSettled = seen === before || ++unsettled >= MAX_UNSETTLED;
      before = seen;
      if (seen === read || !isSettled) continue;
      [read, unsettled] = [seen, 0];
      await this.#read();
    }
  }

  /** Differs after any change: a write moves the times, a file put in another's place has another number. */
  async #look(): Promise<string> {
    try {
      const files = await this.list();
      return (await Promise.all(files.map(stamp))).join("\n");
    } catch (error) {
      return `away: ${(error as Error).message}`;
    }
  }
}

async function stamp(file: string): Promise<string> {
  try {
    const { ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [file, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return `${file} ${(error as Error).message}`;
  }
}
