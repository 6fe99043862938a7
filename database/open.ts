import type { Extensions } from "@electric-sql/pglite";
import type { Database } from "./database.ts";
import { openPostgres } from "./postgres.ts";

/** What a program does with its database, wherever that is. */
export interface DatabaseUse {
  /** Whose it is, in messages, in the folder's lock and in the server's list of connections: `ledger`. */
  owner: string;
  /** The schemas, comma separated, in which names without one are looked up; what is made is made in the first. */
  searchPath: string;
  /** What PGlite is to have besides, by the names of their files in the bundle. Default nothing; a server has its own. */
  extensions?: () => Promise<Extensions>;
}

/** Either a server's `url`, without the password, or the `path` of a folder for the embedded PGlite. */
export interface DatabasePlace {
  url?: string | undefined;
  password?: string | undefined;
  /** Most connections to the server. */
  connections: number;
  path?: string | undefined;
  /** Told of connections that were lost while nobody waited for an answer. */
  onIdleError: (error: Error) => void;
}

/** @throws Error when another process has the folder. A server that is away is no error: see openPostgres. */
export async function openDatabase(
  { owner, searchPath, extensions }: DatabaseUse,
  { url, password, connections, path, onIdleError }: DatabasePlace,
): Promise<Database> {
  if (url !== undefined) return openPostgres({ url, password, searchPath, connections, owner, onIdleError });
  // PGlite is 20 MB that a program on a server has no use for.
  const { openPglite } = await import("./pglite.ts");
  return openPglite(path ?? "", { owner, searchPath, extensions: await extensions?.() });
}
