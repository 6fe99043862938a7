import { setTimeout as delay } from "node:timers/promises";
import type { Driver } from "@vextir/driver-runtime";

const ANSWER_MS = 1_000;
const RETRY_MS = 50;

/** Whether the bus answers now. However often it is asked, one question is under way: questions to an absent bus pile up. */
export class BusHealth {
  readonly #bus: Driver["bus"];
  #asking: Promise<boolean> | undefined;

  constructor(bus: Driver["bus"]) {
    this.#bus = bus;
  }

  async answers(): Promise<boolean> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    const waiting = new AbortController();
    const late = delay(ANSWER_MS, false, { signal: waiting.signal }).catch(() => false);
    try {
      return await Promise.race([this.#asking, late]);
    } finally {
      waiting.abort();
    }
  }

  /** A connection that is just being renewed refuses for an instant: asked again until the time is up. */
  async #ask(): Promise<boolean> {
    for (const until = Date.now() + ANSWER_MS; Date.now() < until; await delay(RETRY_MS)) {
      const answered = await this.#bus.connection.flush().then(
        () => true,
        () => false,
      );
      if (answered) return true;
    }
    return false;
  }
}
