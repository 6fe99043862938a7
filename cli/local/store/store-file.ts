import { readFile } from "node:fs/promises";
import { writeAtomically } from "../state/atomic-file.ts";
import type { Layer } from "./layers.ts";
import type { ObjectStore } from "./object-store.ts";
import type { ObjectType, StoredObject } from "./stored-object.ts";

const FORMAT = 1;

interface Saved {
  format: number;
  objects: { kind: ObjectType; identity: StoredObject["identity"]; layers: [string, Layer][] }[];
}

/**
 * Keeps objects of the given kinds in a file from run to run: with their uids, on which accounts and data on the bus hang, and
 * their finalizers, so that what is deleted between runs is cleaned up in the next one. Status is not kept: it is observed anew.
 */
export class StoreFile {
  #path: string;
  #store: ObjectStore;
  #kinds: readonly ObjectType[];
  #written = "";
  #writing: Promise<void> | undefined;
  #stale = false;
  #onError: (error: unknown) => void;

  constructor(
    path: string,
    store: ObjectStore,
    kinds: readonly ObjectType[],
    onError: (error: unknown) => void,
  ) {
    this.#path = path;
    this.#store = store;
    this.#kinds = kinds;
    this.#onError = onError;
  }

  /** Fills the store from the file, then follows the store. An absent file is an empty one. */
  async open(): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (text !== undefined) this.#restore(text);
    this.#store.onChange(() => this.#save());
  }

  /** Resolves when the file holds what the store holds. */
  async flush(): Promise<void> {
    this.#save();
    while (this.#writing !== undefined) await this.#writing;
  }

  #restore(text: string): void {
    const saved = JSON.parse(text) as Saved;
    if (saved.format !== FORMAT)
      throw new TypeError(
        `${this.#path} has format ${saved.format}, expected ${FORMAT}: made by another version`,
      );
    for (const { kind, identity, layers } of saved.objects)
      this.#store.restore(kind, identity, new Map(layers));
    this.#written = text;
  }

  #save(): void {
    this.#stale = true;
    this.#writing ??= this.#write()
      .catch(this.#onError)
      .finally(() => {
        this.#writing = undefined;
      });
  }

  async #write(): Promise<void> {
    while (this.#stale) {
      this.#stale = false;
      const objects = this.#kinds.flatMap((kind) =>
        this.#store
          .stored(kind)
          .map(({ identity, layers }) => ({ kind: typeOnly(kind), identity, layers: [...layers] })),
      );
      const text = `${JSON.stringify({ format: FORMAT, objects } satisfies Saved)}\n`;
      if (text === this.#written) continue;
      await writeAtomically(this.#path, text);
      this.#written = text;
    }
  }
}

/** A kind as reconcilers know it may hold functions. */
const typeOnly = ({ apiVersion, kind, plural, namespaced }: ObjectType): ObjectType => ({
  apiVersion,
  kind,
  plural,
  namespaced,
});
