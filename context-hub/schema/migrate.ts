import { exclusively, type Schema, type Session } from "@vextir/database";
import { MIGRATIONS } from "./migrations.ts";

/** The role that requests are served as: it owns nothing, so row-level security binds it. Roles belong to the whole server. */
export const guestOf = (schema: string) => `${schema}_guest`;

export function hubSchema(schema: string): Schema {
  const guest = guestOf(schema);
  return {
    owner: "context-hub",
    name: schema,
    migrations: MIGRATIONS.map((migration) => migration({ schema, guest })),
    prepare: (session) => prepare(session, guest),
  };
}

/** Extensions and roles are the database's and the server's, not the schema's: hubs of other schemas make them too. */
async function prepare(session: Session, guest: string): Promise<void> {
  await exclusively(session, "context-hub server");
  await session.execute(
    `create extension if not exists pg_trgm schema public;
     create extension if not exists vector schema public;`,
  );
  // An administrator may have made it before, where the hub's user may not make roles.
  const [found] = await session.query("select 1 from pg_roles where rolname = $1", [guest]);
  if (!found) await session.execute(`create role ${guest} nologin; grant ${guest} to current_user`);
}
