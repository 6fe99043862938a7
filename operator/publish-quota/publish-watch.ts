import type { Logger } from "pino";
import { Counter, Gauge, type Registry } from "prom-client";
import { type BusAuthority, BusError, type DriverIdentity, type DriverTraffic } from "../bus/authority.ts";
import { pause, type Timing } from "../timing.ts";
import { PublishBudgets } from "./budgets.ts";

export interface PublishWatchOptions {
  bus: Pick<BusAuthority, "traffic" | "totalTraffic">;
  /** The driver may publish no more, or again. */
  changed: (driver: DriverIdentity) => void;
  timing: Timing;
  metrics: Registry;
  log: Logger;
}

const LOOK_MS = 1_000;
/** Of the smallest burst: while all together have sent less, nobody can be over. */
const WORTH_SHARE = 1 / 4;
/** So that those are seen that came since. */
const AT_LEAST_EVERY_MS = 30_000;

/**
 * Holds back what publishes more than its quota. NATS has no rates, so what is sent is looked at each second, driver by driver when
 * it is worth it; until it is noticed a driver may send as much as its connections carry, once: it is held back the longer for it.
 */
export class PublishWatch {
  readonly #options: PublishWatchOptions;
  readonly #budgets = new PublishBudgets();
  readonly #held = new Map<string, DriverTraffic>();
  readonly #stop = new AbortController();
  readonly #heldBack: Counter;
  #seen = { total: 0, atMs: Number.NEGATIVE_INFINITY };
  #running: Promise<void> | undefined;

  constructor(options: PublishWatchOptions) {
    this.#options = options;
    const registers = [options.metrics];
    const held = this.#held;
    this.#heldBack = new Counter({
      name: "vextir_publish_held_back_total",
      help: "Times that a driver was held back from publishing, since it had sent more than its quota.",
      labelNames: ["namespace", "driver"],
      registers,
    });
    new Gauge({
      name: "vextir_drivers_held_back",
      help: "Drivers that are held back from publishing now.",
      registers,
      collect() {
        this.set(held.size);
      },
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Why the driver is held back; undefined: it is not. The same text as long as its quota is the same. */
  reason(uid: string): string | undefined {
    const driver = this.#held.get(uid);
    if (!driver) return undefined;
    const { bytesPerSecond, burstBytes } = driver.quota;
    return `it has sent more than its publish quota of ${bytesPerSecond} bytes per second and ${burstBytes} at once; it may publish again when a quarter of that is there again`;
  }

  forget(uid: string): void {
    this.#budgets.forget(uid);
    this.#held.delete(uid);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { bus, timing, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        if (await this.#isWorth()) this.#look(await bus.traffic());
      } catch (err) {
        if (!(err instanceof BusError)) log.warn({ err }, "what drivers have sent can't be read");
      }
      await pause(timing, LOOK_MS, this.#stop.signal);
    }
  }

  async #isWorth(): Promise<boolean> {
    const { bus, timing } = this.#options;
    const { sentBytes: total, smallestBurstBytes } = await bus.totalTraffic();
    const since = total >= this.#seen.total ? total - this.#seen.total : total;
    const late = timing.now() - this.#seen.atMs >= AT_LEAST_EVERY_MS;
    if (this.#held.size === 0 && !late && since < smallestBurstBytes * WORTH_SHARE) return false;
    this.#seen = { total, atMs: timing.now() };
    return true;
  }

  #look(traffic: readonly DriverTraffic[]): void {
    for (const driver of this.#budgets.observe(traffic, this.#options.timing.now())) {
      const { namespace, name, uid } = driver;
      if (this.#budgets.isOver(uid)) {
        this.#held.set(uid, driver);
        this.#heldBack.inc({ namespace, driver: name });
      } else this.#held.delete(uid);
      this.#options.changed({ namespace, name, uid });
    }
  }
}
