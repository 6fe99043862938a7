import type { Schema } from "@vextir/database";
import { MIGRATIONS } from "./migrations.ts";

export const ledgerSchema = (name: string, migrations: readonly string[] = MIGRATIONS): Schema => ({
  owner: "ledger",
  name,
  migrations,
});
