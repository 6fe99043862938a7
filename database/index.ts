export type { Database, Row, Session } from "./database.ts";
export { exclusively, migrate, NewerSchema, type Schema } from "./migrate.ts";
export { type DatabasePlace, type DatabaseUse, openDatabase } from "./open.ts";
export { migrateWhenThere } from "./patience.ts";
