import type { Store } from "./store.ts";
import { end } from "./writing.ts";

const BATCH = 200;

/** Ends what has expired, so that who watches is told, its parts are no longer searched and its content goes to the past. @returns how many. */
export async function endExpired(store: Store): Promise<number> {
  const tenants = await store.database.query<{ tenant: string }>(
    "select distinct tenant from documents where expires_at <= now() and not deleted",
  );
  let count = 0;
  for (const { tenant } of tenants) {
    for (;;) {
      const collections = await store.database.query<{ path: string }>(
        "select distinct path[1] as path from documents where tenant = $1 and expires_at <= now() and not deleted",
        [tenant],
      );
      const scope = { tenant, user: "", everybody: collections.map(({ path }) => path), own: [] };
      const ended = await store.writing(scope, async (session) => {
        const rows = await session.query<{ id: string }>(
          "select id::text from documents where tenant = $1 and expires_at <= now() and not deleted limit $2",
          [tenant, BATCH],
        );
        if (rows.length > 0)
          await end(
            session,
            { tenant, driver: "vextir-context-hub", uid: "", user: "" },
            rows.map(({ id }) => id),
          );
        return rows.length;
      });
      count += ended;
      if (ended < BATCH) break;
    }
  }
  return count;
}
