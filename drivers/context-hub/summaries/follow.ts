import { setTimeout as delay } from "node:timers/promises";
import { type ContextChange, type ContextHub, DriverError, type State } from "@vextir/driver-runtime";
import type { Logger } from "pino";

export interface FollowParts {
  hub: Pick<ContextHub, "watch">;
  state: Pick<State, "get" | "put">;
  collections: readonly string[];
  changed: (document: NonNullable<ContextChange["document"]>) => Promise<void>;
  log: Logger;
  signal: AbortSignal;
}

const CURSOR = "changes.cursor";
/** What was told since the cursor was noted last is told again after a restart. */
const NOTE_MS = 5_000;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;
const FROM_THE_BEGINNING = "0";

/** Tells of every change, whoever makes it, from where it was told last; the first time of all that is there. Ends with `signal`. */
export async function followChanges(parts: FollowParts): Promise<void> {
  const { log, signal } = parts;
  for (let retryMs = FIRST_RETRY_MS; !signal.aborted; retryMs = Math.min(MAX_RETRY_MS, 2 * retryMs)) {
    try {
      await follow(parts, () => {
        retryMs = FIRST_RETRY_MS;
      });
    } catch (err) {
      if (signal.aborted) return;
      log.warn({ err, retryMs }, "changes of the context hub can't be followed");
      // Another hub's, or one of a time that this hub knows nothing of.
      if (err instanceof DriverError && err.code === "InvalidInput")
        await parts.state.put(CURSOR, FROM_THE_BEGINNING).catch(() => {});
    }
    await delay(retryMs, undefined, { signal }).catch(() => {});
  }
}

async function follow({ hub, state, collections, changed, signal }: FollowParts, heard: () => void) {
  const cursor = (await state.get<string>(CURSOR))?.value ?? FROM_THE_BEGINNING;
  let notedMs = Date.now();
  for await (const change of hub.watch({ signal, cursor, filter: { collections: [...collections] } })) {
    heard();
    if (change.document) await changed(change.document);
    if (Date.now() - notedMs < NOTE_MS) continue;
    await state.put(CURSOR, change.cursor);
    notedMs = Date.now();
  }
}
