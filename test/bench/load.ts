import type { Round } from "./statistics.ts";
import { quantile } from "./statistics.ts";

/** One publish after another: for latency. */
export const SEQUENTIAL = 1_500;
export const WARM_UP = 500;
/** For throughput. */
export const PIPELINED = 20_000;
export const IN_FLIGHT = 64;
export const PAYLOAD = { text: "x".repeat(1_000) };

export interface System {
  /** Resolves when the bus has stored it. */
  publish(id: string): Promise<unknown>;
  /** Resolves when nothing is unacknowledged any more. */
  settled(): Promise<void>;
}

/** Measures a system that calls `handled(id)` for each event in its handler. The same code for the runtime and the raw client. */
export class Load {
  readonly #waiting = new Map<string, (at: number) => void>();
  #count = 0;
  #target = Number.POSITIVE_INFINITY;
  #reached: () => void = () => {};

  handled(id: string): void {
    this.#waiting.get(id)?.(performance.now());
    this.#waiting.delete(id);
    if (++this.#count >= this.#target) this.#reached();
  }

  async measure(system: System): Promise<Round> {
    const latencies: number[] = [];
    for (let i = 0; i < WARM_UP + SEQUENTIAL; i++) {
      const took = await this.#once(system, `s-${i}`);
      if (i >= WARM_UP) latencies.push(took);
    }
    await system.settled();
    const perSecond = await this.#throughput(system);
    return { perSecond, p50Ms: quantile(latencies, 0.5), p99Ms: quantile(latencies, 0.99) };
  }

  async #once(system: System, id: string): Promise<number> {
    const done = new Promise<number>((resolve) => this.#waiting.set(id, resolve));
    const began = performance.now();
    await system.publish(id);
    return (await done) - began;
  }

  async #throughput(system: System): Promise<number> {
    const all = new Promise<void>((resolve) => {
      this.#reached = resolve;
    });
    this.#count = 0;
    this.#target = PIPELINED;
    const began = performance.now();
    let next = 0;
    const worker = async () => {
      while (next < PIPELINED) await system.publish(`t-${next++}`);
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
    await all;
    await system.settled();
    return PIPELINED / ((performance.now() - began) / 1_000);
  }
}
