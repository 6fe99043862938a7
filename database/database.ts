/** Rows by column name. */
export type Row = Record<string, unknown>;

export interface Session {
  query<R extends Row = Row>(sql: string, parameters?: readonly unknown[]): Promise<R[]>;
  /** Several statements, without parameters. */
  execute(sql: string): Promise<void>;
}

/** PostgreSQL, on a server or embedded. The same SQL runs on both. */
export interface Database extends Session {
  /** `preamble`: statements that it begins with, without a round trip of their own. */
  transaction<T>(work: (session: Session) => Promise<T>, preamble?: string): Promise<T>;
  close(): Promise<void>;
}
