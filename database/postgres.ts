import pg from "pg";
import type { Database, Row, Session } from "./database.ts";

export interface PostgresOptions {
  url: string;
  password?: string | undefined;
  searchPath: string;
  connections: number;
  owner: string;
  onIdleError: (error: Error) => void;
}

const CONNECT_MS = 5_000;
/** A statement that takes longer is ended by the server; a query that nobody waits for must not go on. */
const STATEMENT_MS = 30_000;

/** Nothing is connected yet: that is done by the first statement, and again after every loss. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, password, searchPath, connections, owner, onIdleError } = options;
  const pool = new pg.Pool({
    connectionString: withPassword(url, password),
    max: connections,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    // A peer that went without a word: the server's own limit did not end it.
    query_timeout: STATEMENT_MS + CONNECT_MS,
    keepAlive: true,
    options: `-c search_path=${searchPath}`,
    application_name: `vextir-${owner}`,
  });
  // A connection that is lost while it is idle; without a listener it would end the process.
  pool.on("error", onIdleError);
  // The same for one that is lost between two statements of a transaction: the pool listens to idle ones only.
  pool.on("connect", (client) => client.on("error", onIdleError));
  return {
    ...session(pool),
    transaction: async (work, preamble = "") => {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query(`begin;${preamble}`);
        const result = await work(session(client));
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch((failed: Error) => {
          broken = failed;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
    close: () => pool.end(),
  };
}

/** The driver takes what the URL says before what it is given beside it. */
function withPassword(url: string, password: string | undefined): string {
  const whole = new URL(url);
  if (password !== undefined) whole.password = encodeURIComponent(password);
  return whole.href;
}

const session = (on: Pick<pg.Pool, "query">): Session => ({
  query: async <R extends Row>(sql: string, parameters: readonly unknown[] = []) =>
    (await on.query<R>(sql, [...parameters])).rows,
  execute: async (sql) => {
    await on.query(sql);
  },
});
