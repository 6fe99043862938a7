import { readFile, stat } from "node:fs/promises";
import { basename, relative } from "node:path";
import { ClusterError } from "@vextir/operator/cluster.ts";
import { LocalError } from "../local-error.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { FileWatch } from "./file-watch.ts";
import { type FileObject, FOLDER_KINDS, type ParsedFile, parseYamlFile, type Remark } from "./yaml-file.ts";

const MANAGER = "vextir-folder";
const MAX_FILE_BYTES = 4 * 2 ** 20;

export interface FolderOptions {
  /** A folder, or one file. */
  path: string;
  store: ObjectStore;
  /** What is wrong with a file; its last good version stands. */
  onProblem: (problem: Remark) => void;
  /** What is left out of a file. */
  onNote: (note: Remark) => void;
  /** An object was made, changed or deleted because of the files. */
  onChange: (what: "created" | "changed" | "deleted", object: FileObject["object"]) => void;
}

interface KnownFile {
  text: string;
  /** Something is wrong with it. */
  isBad: boolean;
  /** Objects of the last good version; absent when there was none in this run. */
  good?: FileObject[];
}

/** Keeps the store as the YAML files say, as `kubectl apply` would, and deletes what is no longer in them. */
export class Folder {
  #options: FolderOptions;
  #files = new Map<string, KnownFile>();
  #wanted = new Map<string, FileObject>();
  /** Told already, so that a standing problem is told once. */
  #told = new Set<string>();
  readonly #watch: FileWatch;

  constructor(options: FolderOptions) {
    this.#options = options;
    this.#watch = new FileWatch(options.path, () => this.#read());
  }

  /** Applies what is there and watches for changes. @throws LocalError `BadFolder` when there is nothing to read. */
  async open(): Promise<void> {
    const { path, store } = this.#options;
    const files = await this.#watch.list().catch((cause) => {
      throw new LocalError("BadFolder", `${path} can't be read: ${(cause as Error).message}`, { cause });
    });
    if (files.length === 0) throw new LocalError("BadFolder", `${path} holds no YAML file`);
    await this.#watch.start();
    // A deleted object that has finalizers comes back, when its document does, only after it is gone.
    for (const kind of FOLDER_KINDS)
      store.watch(kind, ({ metadata }) => {
        const wanted = this.#wanted.get(idOf({ kind, object: { metadata } }));
        if (wanted && !store.get(kind, metadata)) this.#apply(wanted);
      });
  }

  async close(): Promise<void> {
    this.#wanted.clear();
    await this.#watch.close();
  }

  async #read(): Promise<void> {
    const told = new Set<string>();
    const tell = (remarks: readonly Remark[], to: (remark: Remark) => void) => {
      for (const remark of remarks) {
        const key = JSON.stringify(remark);
        if (!this.#told.has(key) && !told.has(key)) to(remark);
        told.add(key);
      }
    };
    const { path, onProblem, onNote } = this.#options;
    try {
      const files = await this.#watch.list();
      for (const file of this.#files.keys()) if (!files.includes(file)) this.#files.delete(file);
      for (const file of files) {
        const { problems, notes } = await this.#readFile(file);
        tell(problems, onProblem);
        tell(notes, onNote);
      }
      tell(this.#sync(), onProblem);
    } catch (error) {
      // The folder itself is away: nobody wants everything deleted because of that.
      tell([{ file: path, line: 1, message: `can't be read: ${(error as Error).message}` }], onProblem);
    }
    this.#told = told;
  }

  async #readFile(file: string): Promise<Pick<ParsedFile, "problems" | "notes">> {
    const name = relative(process.cwd(), file) || basename(file);
    const text = await readBounded(file);
    const known = this.#files.get(file);
    if (typeof text !== "string") {
      this.#files.set(file, { text: "", ...known, isBad: true });
      return { problems: [{ file: name, line: 1, message: text.problem }], notes: [] };
    }
    const { objects, problems, notes } = parseYamlFile(name, text);
    const isBad = problems.length > 0;
    const good = isBad ? known?.good : objects;
    this.#files.set(file, { text, isBad, ...(good && { good }) });
    const mended = known?.isBad && !isBad ? [{ file: name, line: 1, message: "can be read again" }] : [];
    return { problems, notes: [...notes, ...mended] };
  }

  /** Makes the store as the files say. Answers what could not be applied. */
  #sync(): Remark[] {
    const problems: Remark[] = [];
    const wanted = new Map<string, FileObject>();
    for (const item of [...this.#files.values()].flatMap(({ good }) => good ?? [])) {
      const first = wanted.get(idOf(item));
      if (!first) wanted.set(idOf(item), item);
      else
        problems.push({
          ...at(item),
          message: `${nameOf(item)} is already in ${first.file}:${first.line}; this one is left out`,
        });
    }
    this.#wanted = wanted;
    this.#removeOthers();
    for (const item of wanted.values()) problems.push(...this.#apply(item));
    return problems;
  }

  #removeOthers(): void {
    const { store, onChange } = this.#options;
    // What a file held that was never good in this run is not known: it may well hold what seems to be gone.
    if ([...this.#files.values()].some(({ good }) => good === undefined)) return;
    for (const kind of FOLDER_KINDS) {
      for (const { object, layers } of store.stored(kind)) {
        if (
          !layers.has(MANAGER) ||
          object.metadata.deletionTimestamp ||
          this.#wanted.has(idOf({ kind, object }))
        )
          continue;
        store.delete(kind, object.metadata);
        onChange("deleted", object);
      }
    }
  }

  #apply(item: FileObject): Remark[] {
    const { store, onChange } = this.#options;
    const { kind, object } = item;
    const before = store.get(kind, object.metadata);
    try {
      const after = store.apply(MANAGER, kind, object);
      if (!before) onChange("created", after);
      else if (before.metadata.resourceVersion !== after.metadata.resourceVersion) onChange("changed", after);
      return [];
    } catch (error) {
      if (!(error instanceof ClusterError)) throw error;
      return [{ ...at(item), message: error.message }];
    }
  }
}

const idOf = ({
  kind,
  object,
}: {
  kind: FileObject["kind"];
  object: Pick<FileObject["object"], "metadata">;
}) => `${kind.kind}/${object.metadata.namespace}/${object.metadata.name}`;
const nameOf = ({ object: { kind, metadata } }: FileObject) =>
  `${kind} ${metadata.namespace ? `${metadata.namespace}/` : ""}${metadata.name}`;
const at = ({ file, line }: FileObject) => ({ file, line });

async function readBounded(file: string): Promise<string | { problem: string }> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES) return { problem: `has ${size} bytes, more than ${MAX_FILE_BYTES}` };
    return await readFile(file, "utf8");
  } catch (error) {
    return { problem: `can't be read: ${(error as Error).message}` };
  }
}
