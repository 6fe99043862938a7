/** What a failure of the database means. */
export type Failure =
  /** The row can't be stored, now or later. */
  | "Row"
  /** Not now: the server is away, full, restarting, or was made ready for something else. */
  | "Database";

/**
 * By SQLSTATE (appendix A of PostgreSQL's manual): 22 data exceptions, 23 constraints, 54 program limits are about a row; all
 * else, a lost connection and a full disk too, is about the database.
 */
export function failureOf(error: unknown): Failure {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && /^(22|23|54)[0-9A-Z]{3}$/.test(code) ? "Row" : "Database";
}
