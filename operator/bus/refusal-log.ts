import type { BusLog } from "./bus-connection.ts";
import type { Refusal } from "./callout-decision.ts";

/** Whoever may reach the server can be refused as often as he likes; the log is not his to fill. */
const WINDOW_MS = 10_000;
const MAX_KINDS = 20;
const MAX_WHY = 300;

/**
 * Logs refused connections: the first of each kind at once, what repeats as a number when ten seconds are over, and of more
 * kinds than a few only how many.
 */
export class RefusalLog {
  readonly #log: BusLog;
  readonly #kinds = new Map<string, { refusal: Refusal; why: string; times: number }>();
  #others = 0;
  #window: NodeJS.Timeout | undefined;

  constructor(log: BusLog) {
    this.#log = log;
  }

  add(refusal: Refusal, message: string, host: string | undefined): void {
    this.#window ??= setTimeout(() => this.#end(), WINDOW_MS).unref();
    const why = message.slice(0, MAX_WHY);
    const known = this.#kinds.get(`${refusal} ${why}`);
    if (known) known.times++;
    else if (this.#kinds.size >= MAX_KINDS) this.#others++;
    else {
      this.#kinds.set(`${refusal} ${why}`, { refusal, why, times: 0 });
      this.#log.warn({ refusal, why, host }, "connection refused");
    }
  }

  /** Logs what was counted. */
  stop(): void {
    clearTimeout(this.#window);
    this.#end();
  }

  #end(): void {
    this.#window = undefined;
    for (const kind of this.#kinds.values())
      if (kind.times > 0) this.#log.warn(kind, "connections refused again");
    if (this.#others > 0) this.#log.warn({ times: this.#others }, "connections refused for other reasons");
    this.#kinds.clear();
    this.#others = 0;
  }
}
