/** What a failure of the database means. */
export type Failure =
  /** What is asked for can't be done, now or later: SQLSTATE 22 data exceptions, 54 program limits. */
  | "Data"
  /** A row stands against it (23505): somebody was there first. */
  | "Duplicate"
  /** Not now: the server is away, full, restarting, or two transactions met. */
  | "Database"
  /** The code is wrong. */
  | "Defect";

/** By SQLSTATE (appendix A of PostgreSQL's manual); what has none never came from the database, or its connection was lost. */
export function failureOf(error: unknown): Failure {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== "string")
    return /connection|terminat|timeout|closed/i.test(String(message)) ? "Database" : "Defect";
  if (code === "23505") return "Duplicate";
  if (/^(22|54)[0-9A-Z]{3}$/.test(code)) return "Data";
  return /^(0A|42|2[0134578]|P0)/.test(code) && code !== "42P01" ? "Defect" : "Database";
}
