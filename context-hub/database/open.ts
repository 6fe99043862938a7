import { type Database, type DatabasePlace, openDatabase } from "@vextir/database";

/** The hub's database: its tables in `schema`, the extensions that it searches with in `public`. */
export const openHubDatabase = (schema: string, place: DatabasePlace): Promise<Database> =>
  openDatabase(
    {
      owner: "context-hub",
      searchPath: `${schema},public`,
      extensions: async () => (await import("./extensions.ts")).EXTENSIONS,
    },
    place,
  );
