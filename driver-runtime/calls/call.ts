import type { z } from "zod";
import type { Lineage } from "../events/event.ts";

export interface CallOptions<T = unknown> {
  /** Default 30,000; at most 600,000. The callee sees the deadline and is told to stop at it. */
  timeoutMs?: number;
  /** The answer is checked against it: `InvalidOutput`. */
  output?: z.ZodType<T>;
  /** The event in hand. */
  cause?: Lineage;
  signal?: AbortSignal;
}

/**
 * Calls `<driver>.<method>`. @throws DriverError `NotGranted`, `NotFound`, `Unavailable`, `Timeout`, `InvalidInput`,
 * `InvalidOutput`, `TooLarge`, `Overloaded`, or `CallFailed` with the callee's message.
 */
export type Call = <T = unknown>(method: string, input?: unknown, options?: CallOptions<T>) => Promise<T>;
