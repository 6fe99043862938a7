import { type Database, type DatabasePlace, openDatabase } from "@vextir/database";

export const openLedgerDatabase = (schema: string, place: DatabasePlace): Promise<Database> =>
  openDatabase({ owner: "ledger", searchPath: schema }, place);
