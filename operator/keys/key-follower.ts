import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import type { Realm } from "../bus/index.ts";
import { pause, type Timing } from "../timing.ts";
import type { KeyStore } from "./key-store.ts";

/** How often a replica looks whether keys were rotated. */
export const FOLLOW_KEYS_MS = 2_000;

export interface KeyFollowerOptions {
  store: KeyStore;
  realm: Realm;
  timing: Timing;
  log: Logger;
  everyMs?: number;
}

/** Lets the realm be what is written, until aborted; while that can't be read it stays what it was. Never rejects. */
export async function followKeys(options: KeyFollowerOptions, signal: AbortSignal): Promise<void> {
  const { store, realm, timing, log, everyMs = FOLLOW_KEYS_MS } = options;
  let isFailing = false;
  while (!signal.aborted) {
    try {
      const material = await store.read();
      if (material && !isDeepStrictEqual(material, realm.material)) {
        realm.use(material);
        log.info({ phase: material.state.rotation?.phase ?? "none" }, "the bus's keys have changed");
      }
      isFailing = false;
    } catch (err) {
      if (!isFailing) log.warn({ err }, "the bus's keys can't be read; going on with those of before");
      isFailing = true;
    }
    await pause(timing, everyMs, signal);
  }
}
