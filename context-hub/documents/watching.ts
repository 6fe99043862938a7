import { setTimeout as delay } from "node:timers/promises";
import type { Document } from "@vextir/proto/contexthub/v1/documents_pb.js";
import type { Scope } from "../access/grants.ts";
import { invalid } from "../rpc/hub-error.ts";
import type { Condition } from "./condition.ts";
import type { Reading } from "./reading.ts";
import type { Store } from "./store.ts";

/** What other replicas write is seen after this at most; a grant that was taken back is too. */
const POLL_MS = 500;
/** After this long without a change the caller is told that nothing happened: his cursor moves on, and a dead connection is noticed. */
const SILENCE_MS = 15_000;
const BATCH = 100;

export interface WatchParts {
  store: Store;
  reading: Reading;
  /** Asked again each time: what is granted may change. @throws HubError */
  scope(): Scope;
  condition: Condition;
  cursor: string;
  signal: AbortSignal;
}

/** Each change once, in order; then those to come, until the caller goes or may no longer. */
export async function* watch(parts: WatchParts): AsyncGenerator<{ document?: Document; cursor: string }> {
  const { store, reading, condition, signal } = parts;
  let cursor = parts.cursor || (await reading.lastChange(parts.scope()));
  if (!/^\d{1,18}$/.test(cursor)) throw invalid("cursor", "not one that the hub gave");
  const bell = new Bell();
  const stop = store.onWrite(parts.scope().tenant, () => bell.ring());
  try {
    // The caller knows from here that he misses nothing.
    yield { cursor };
    let told = Date.now();
    while (!signal.aborted) {
      const last = await reading.lastChange(parts.scope());
      const { documents, places, next } = await reading.changes(parts.scope(), condition, cursor, BATCH);
      for (const [i, document] of documents.entries()) {
        cursor = places[i] ?? cursor;
        yield { document, cursor };
        told = Date.now();
      }
      if (next !== undefined) continue;
      // All up to `last` was there when it was asked for what has changed.
      if (BigInt(last) > BigInt(cursor)) cursor = last;
      if (Date.now() - told >= SILENCE_MS) {
        yield { cursor };
        told = Date.now();
      }
      await bell.rung(POLL_MS, signal);
    }
  } finally {
    stop();
  }
}

/** Wakes one who waits; a ring while nobody does is kept. */
class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  async rung(atMostMs: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      const waiting = new AbortController();
      this.#wake = () => waiting.abort();
      await delay(atMostMs, undefined, { signal: AbortSignal.any([signal, waiting.signal]) }).catch(() => {});
      this.#wake = undefined;
    }
    this.#rung = false;
  }
}
