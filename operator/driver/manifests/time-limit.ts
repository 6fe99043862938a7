import { createContext, Script } from "node:vm";

const context = createContext({ work: undefined });
const script = new Script("work()");

/** The time was up. */
export class TimeLimitError extends Error {
  override readonly name = "TimeLimitError";
}

/**
 * Runs synchronous work that a stranger's schema decides about, and breaks it off after `ms`: a pattern that backtracks or a
 * schema that multiplies itself stops the operator no longer. @throws what `work` throws, or TimeLimitError.
 */
export function withinTime<T>(ms: number, work: () => T): T {
  context["work"] = work;
  try {
    return script.runInContext(context, { timeout: ms }) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT")
      throw new TimeLimitError(`broken off after ${ms} ms`, { cause: error });
    throw error;
  } finally {
    context["work"] = undefined;
  }
}
