import type { RuntimeMetrics } from "./runtime-metrics.ts";

/** What keeps a driver from being ready, by what it is about. */
export class Readiness {
  readonly #obstacles = new Map<string, string>();
  readonly #first = Promise.withResolvers<void>();
  readonly #gauge: RuntimeMetrics["ready"];

  constructor(gauge: RuntimeMetrics["ready"], obstacles: Record<string, string>) {
    this.#gauge = gauge;
    for (const [about, why] of Object.entries(obstacles)) this.#obstacles.set(about, why);
    this.#first.promise.catch(() => {});
  }

  /** Resolves when it was ready for the first time. */
  get ready(): Promise<void> {
    return this.#first.promise;
  }

  obstacles(): string[] {
    return [...this.#obstacles.values()];
  }

  block(about: string, why: string): void {
    this.#obstacles.set(about, why);
    this.#gauge.set(0);
  }

  clear(about: string): void {
    if (!this.#obstacles.delete(about) || this.#obstacles.size > 0) return;
    this.#gauge.set(1);
    this.#first.resolve();
  }

  /** It will never be ready. */
  fail(error: unknown): void {
    this.#first.reject(error);
  }
}
