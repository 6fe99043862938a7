import type { Logger } from "pino";
import { Counter, type Registry } from "prom-client";
import { type BusAuthority, BusError } from "../bus/authority.ts";
import { pause, type Timing } from "../timing.ts";

export interface ExhaustedWatchOptions {
  bus: Pick<BusAuthority, "tenants" | "buryExhausted">;
  timing: Timing;
  metrics: Registry;
  log: Logger;
  /** Between two looks; default 20 seconds. */
  everyMs?: number;
}

const EVERY_MS = 20_000;
/** So that many tenants are not looked at more often than five of them a second. */
const TENANT_MS = 200;

/** Dead-letters the events that nats-server has given up on, because whoever handled them never answered. */
export class ExhaustedWatch {
  readonly #options: ExhaustedWatchOptions;
  readonly #stop = new AbortController();
  readonly #counted: Counter;
  #running: Promise<void> | undefined;

  constructor(options: ExhaustedWatchOptions) {
    this.#options = options;
    this.#counted = new Counter({
      name: "vextir_exhausted_events_total",
      help: "Events whose deliveries ended without an answer, by what was done: DeadLettered, GivenUp, Gone, Dropped.",
      labelNames: ["namespace", "outcome"],
      registers: [options.metrics],
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { bus, timing, everyMs = EVERY_MS } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const tenants = bus.tenants();
      for (const namespace of tenants) if (!signal.aborted) await this.#look(namespace);
      await pause(timing, Math.max(everyMs, tenants.length * TENANT_MS), signal);
    }
  }

  async #look(namespace: string): Promise<void> {
    const { bus, log } = this.#options;
    try {
      for (const one of await bus.buryExhausted(namespace)) {
        this.#counted.inc({ namespace, outcome: one.outcome });
        log.warn({ namespace, ...one }, "an event's deliveries ended without an answer");
      }
    } catch (err) {
      // A bus that is away tells so itself.
      if (!(err instanceof BusError && err.code === "Unavailable"))
        log.warn({ err, namespace }, "events that the bus has given up on were not looked at");
    }
  }
}
