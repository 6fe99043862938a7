import type { Logger } from "pino";
import { Counter, type Registry } from "prom-client";

export interface RefusalNote {
  /** `<namespace>/<name>`; undefined: nobody knows whose it was. */
  driver: string | undefined;
  refusal: string;
  message: string;
}

const WINDOW_MS = 60_000;
/** Lines per driver and window; what comes after is a number. */
const MAX_LINES = 10;
const MAX_MESSAGE = 500;

/** Counts what was refused, by driver, and logs it: a few lines of each driver in a minute, then how many more. */
export class Refusals {
  readonly #log: Pick<Logger, "warn">;
  readonly #counter: Counter;
  readonly #told = new Map<string, { lines: number; more: number }>();
  #window: NodeJS.Timeout | undefined;

  constructor(log: Pick<Logger, "warn">, metrics: Registry) {
    this.#log = log;
    this.#counter = new Counter({
      name: "vextir_egress_refusals_total",
      help: "Requests that were refused, by driver (empty: not known) and reason.",
      labelNames: ["namespace", "driver", "reason"],
      registers: [metrics],
    });
  }

  add({ driver, refusal, message }: RefusalNote): void {
    this.#counter.inc({ ...labelsOf(driver), reason: refusal });
    this.#window ??= setTimeout(() => this.#end(), WINDOW_MS).unref();
    const key = driver ?? "";
    const told = this.#told.get(key) ?? { lines: 0, more: 0 };
    this.#told.set(key, told);
    if (told.lines >= MAX_LINES) told.more += 1;
    else {
      told.lines += 1;
      this.#log.warn({ driver, refusal, why: message.slice(0, MAX_MESSAGE) }, "refused");
    }
  }

  /** The driver is gone: its numbers are too. */
  forget(driver: string, reasons: readonly string[]): void {
    for (const reason of reasons) this.#counter.remove({ ...labelsOf(driver), reason });
  }

  /** Logs what was counted. */
  stop(): void {
    clearTimeout(this.#window);
    this.#end();
  }

  #end(): void {
    this.#window = undefined;
    for (const [driver, { more }] of this.#told)
      if (more > 0) this.#log.warn({ driver: driver || undefined, times: more }, "refused more often");
    this.#told.clear();
  }
}

export function labelsOf(driver: string | undefined): { namespace: string; driver: string } {
  const [namespace = "", name = ""] = (driver ?? "/").split("/");
  return { namespace, driver: name };
}
