import { setTimeout as delay } from "node:timers/promises";
import type { Database } from "./database.ts";
import { migrate, NewerSchema, type Schema } from "./migrate.ts";

const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;

/** Migrates as soon as the database is there. @throws Error when the program is to stop first; NewerSchema. */
export async function migrateWhenThere(
  database: Database,
  schema: Schema,
  { signal, trouble }: { signal: AbortSignal; trouble: (error: unknown) => void },
): Promise<void> {
  for (let failures = 0; ; failures++) {
    try {
      return await migrate(database, schema);
    } catch (error) {
      if (error instanceof NewerSchema || signal.aborted) throw error;
      trouble(error);
      await delay(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures), undefined, { signal });
    }
  }
}
