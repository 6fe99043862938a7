import { openLedgerDatabase } from "@vextir/driver-ledger/database/open.ts";
import { type Home, pgliteHome, postgresHome } from "../../fixtures/database-home.ts";
import { PostgresProcess } from "../../fixtures/postgres.ts";

/** Where ledgers can be opened. */
export const homes: Record<string, () => Promise<Home>> = {
  PostgreSQL: async () => postgresHome(openLedgerDatabase, await PostgresProcess.start()),
  PGlite: () => pgliteHome(openLedgerDatabase),
};
