import type { Database, Session } from "./database.ts";

/** A program's tables. */
export interface Schema {
  /** Whose it is, in locks and messages: `ledger`. */
  owner: string;
  name: string;
  /** Each runs once, in order, with the schema first in the search path. */
  migrations: readonly string[];
  /** Makes what they stand on and is not the schema's. Runs each time, first, in the same transaction. */
  prepare?: (session: Session) => Promise<void>;
}

/** One at a time does what is named, over all replicas, until its transaction ends. */
export async function exclusively(session: Session, deed: string): Promise<void> {
  await session.query("select pg_advisory_xact_lock(hashtextextended($1, 0))", [`vextir ${deed}`]);
}

/** The schema was made by a newer version of its owner: trying again is of no use. */
export class NewerSchema extends Error {
  override readonly name = "NewerSchema";
}

/** Brings the schema to this version. Safe to repeat, and for several replicas at once. @throws NewerSchema */
export async function migrate(
  database: Database,
  { owner, name, migrations, prepare }: Schema,
): Promise<void> {
  await database.transaction(async (session) => {
    await prepare?.(session);
    await exclusively(session, `${owner} ${name} migrate`);
    await session.execute(
      `create schema if not exists ${name};
       create table if not exists ${name}.migrations (version integer primary key, applied_at timestamptz not null default now());`,
    );
    const [row] = await session.query<{ version: number }>(
      `select coalesce(max(version), 0) as version from ${name}.migrations`,
    );
    const version = row?.version ?? 0;
    if (version > migrations.length)
      throw new NewerSchema(
        `schema "${name}" has version ${version}, and this ${owner} knows ${migrations.length}: run the newer ${owner}, or give this one a schema of its own`,
      );
    for (const [index, sql] of migrations.entries()) {
      if (index < version) continue;
      await session.execute(sql);
      await session.query(`insert into ${name}.migrations (version) values ($1)`, [index + 1]);
    }
  });
}
