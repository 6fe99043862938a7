export interface StateEntry<T = unknown> {
  key: string;
  value: T;
  /** What `update` and `delete` expect. */
  revision: number;
}

export type StateChange<T = unknown> =
  | { operation: "put"; key: string; value: T; revision: number; initial: boolean }
  | { operation: "delete"; key: string; revision: number; initial: boolean };

export interface Watch {
  stop(): void;
}

/**
 * The driver's own key-value bucket, kept across restarts and shared by its replicas. Values are JSON. Keys are any text;
 * `.` separates levels. Every method throws DriverError: `NotGranted` without `capabilities.state`, `InvalidInput` for a
 * bad key or value, `TooLarge`, `Unavailable`, `Timeout`.
 */
export interface State {
  /** Undefined when the key is not there. */
  get<T = unknown>(key: string): Promise<StateEntry<T> | undefined>;
  /** Sets the value whatever was there. Answers its revision. */
  put(key: string, value: unknown): Promise<number>;
  /** @throws DriverError `Conflict` when the key is there. */
  create(key: string, value: unknown): Promise<number>;
  /** @throws DriverError `Conflict` when the key's revision is another. */
  update(key: string, value: unknown, revision: number): Promise<number>;
  /** An absent key is no error. @throws DriverError `Conflict` when a revision is given and it is another. */
  delete(key: string, revision?: number): Promise<void>;
  /** Keys that match the pattern (`*` one level, a final `>` the rest; default all), sorted. */
  keys(pattern?: string): Promise<string[]>;
  /** Entries that match the pattern, page by page. */
  entries<T = unknown>(pattern?: string): AsyncIterable<StateEntry<T>>;
  /**
   * Calls `changed` for each value now there (`initial`), then for each change, in order per key. Resolves when the
   * initial values were given. Reconnects by itself; what was missed meanwhile is caught up with.
   */
  watch<T = unknown>(
    pattern: string,
    changed: (change: StateChange<T>) => void | Promise<void>,
  ): Promise<Watch>;
}

export type Once = <T>(
  key: string,
  work: (idempotencyKey: string) => T | Promise<T>,
  options?: OnceOptions,
) => Promise<T>;

export interface OnceOptions {
  /** How long the result is remembered; default 7 days. */
  ttlMs?: number;
}
