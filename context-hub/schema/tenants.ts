import { type Database, exclusively } from "@vextir/database";
import { PARTITIONED } from "./migrations.ts";

/** Makes a tenant's partitions when something is first written for it. */
export class Tenants {
  readonly #database: Database;
  readonly #schema: string;
  readonly #known = new Map<string, Promise<void>>();

  constructor(database: Database, schema: string) {
    this.#database = database;
    this.#schema = schema;
  }

  /** Outside of any transaction: on PGlite there is one at a time. */
  ensure(tenant: string): Promise<void> {
    const known = this.#known.get(tenant);
    if (known !== undefined) return known;
    const made = this.#make(tenant);
    this.#known.set(tenant, made);
    made.catch(() => this.#known.delete(tenant));
    return made;
  }

  async #make(tenant: string): Promise<void> {
    const there = await this.#database.query("select 1 from tenants where tenant = $1", [tenant]);
    if (there.length > 0) return;
    await this.#database.transaction(async (session) => {
      await exclusively(session, `context-hub ${this.#schema} tenants`);
      const [row] = await session.query<{ number: string }>(
        "insert into tenants (tenant) values ($1) on conflict do nothing returning number::text",
        [tenant],
      );
      if (!row) return;
      const [quoted] = await session.query<{ name: string }>("select quote_literal($1) as name", [tenant]);
      const statements = PARTITIONED.map(
        (table) =>
          `create table ${this.#schema}.${table}_${row.number} partition of ${this.#schema}.${table} for values in (${quoted?.name});`,
      );
      await session.execute(statements.join("\n"));
    });
  }
}
