/** What a run leaves to do; `{}` or nothing: it is done until something changes. */
export interface ReconcileResult {
  /** Run again after this long, though nothing changed. */
  requeueAfterMs?: number;
}

/** Thrown when trying again is of no use before something changes; any other error is retried with backoff. */
export class TerminalError extends Error {
  override readonly name: string = "TerminalError";
}
