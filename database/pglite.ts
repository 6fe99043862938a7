import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Extensions, PGlite, type Transaction } from "@electric-sql/pglite";
import type { Database, Row, Session } from "./database.ts";
import { FolderLock } from "./folder-lock.ts";

export interface PgliteOptions {
  owner: string;
  searchPath: string;
  extensions?: Extensions | undefined;
}

/** The embedded PostgreSQL in a folder. @throws Error when another process has it. */
export async function openPglite(
  path: string,
  { owner, searchPath, extensions = {} }: PgliteOptions,
): Promise<Database> {
  await mkdir(path, { recursive: true });
  const lock = await FolderLock.acquire(join(path, `vextir-${owner}.lock`), owner);
  try {
    const engine = await PGlite.create({ dataDir: join(path, "data"), ...(await assets(extensions)) });
    await engine.exec(`set search_path = ${searchPath}`);
    return {
      ...session(engine),
      transaction: (work, preamble = "") =>
        engine.transaction(async (transaction) => {
          if (preamble) await transaction.exec(preamble);
          return work(session(transaction));
        }),
      close: async () => {
        await engine.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** Types of WebAssembly come with the DOM's, which Node's have not. */
const compile = (bytes: Uint8Array | undefined): Promise<never> =>
  (globalThis as unknown as { WebAssembly: { compile(bytes: unknown): Promise<never> } }).WebAssembly.compile(
    bytes,
  );

/** In the bundle PGlite's files are beside this one (build/build.ts puts them there); else the packages find their own. */
async function assets(extensions: Extensions) {
  const at = (name: string) => new URL(`../pglite/${name}`, import.meta.url);
  try {
    const [program, initdb, bundle] = await Promise.all(
      ["pglite.wasm", "initdb.wasm", "pglite.data"].map((name) => readFile(at(name))),
    );
    return {
      pgliteWasmModule: await compile(program),
      initdbWasmModule: await compile(initdb),
      fsBundle: new Blob([bundle as Buffer<ArrayBuffer>]),
      extensions: Object.fromEntries(Object.keys(extensions).map((name) => [name, at(`${name}.tar.gz`)])),
    };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { extensions };
    throw error;
  }
}

const session = (on: PGlite | Transaction): Session => ({
  query: async <R extends Row>(sql: string, parameters: readonly unknown[] = []) =>
    (await on.query<R>(sql, [...parameters])).rows,
  execute: async (sql) => {
    await on.exec(sql);
  },
});
