import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import { vector } from "@electric-sql/pglite-pgvector";

/** By the names that build/build.ts gives their files. */
export const EXTENSIONS = { pg_trgm, vector };
