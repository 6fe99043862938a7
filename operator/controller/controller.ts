import type { Logger } from "pino";
import { type Backoff, backoffMs } from "../backoff.ts";
import type { ObjectKey } from "../cluster.ts";
import { systemTiming, type Timing } from "../timing.ts";
import type { ControllerObserver, Outcome } from "./observer.ts";
import { type ReconcileResult, TerminalError } from "./result.ts";
import { WorkQueue } from "./work-queue.ts";

export interface ControllerOptions {
  /** In logs and metrics. */
  name: string;
  /** Makes the world fit the object of this name. Gets no more than the name: what to do follows from what is there. */
  // biome-ignore lint/suspicious/noConfusingVoidType: a run that ends without a word is done
  reconcile: (key: ObjectKey, signal: AbortSignal) => Promise<ReconcileResult | void>;
  log: Pick<Logger, "debug" | "warn" | "error">;
  /** Runs at a time, each of another key. Default 8. */
  concurrency?: number;
  /** After this a run's signal is aborted and the run counts as failed. Default 60,000. */
  deadlineMs?: number;
  /** Between the runs of a key that fails. Default 100 ms to 5 minutes. */
  backoff?: Backoff;
  observer?: (controller: string, depth: () => number) => ControllerObserver;
  timing?: Timing;
  random?: () => number;
}

const DEFAULT_BACKOFF: Backoff = { baseMs: 100, maxMs: 300_000 };

/** Runs `reconcile` for every key that was added: one run per key at a time, failures again with backoff. */
export class Controller {
  readonly #options: ControllerOptions;
  readonly #timing: Timing;
  readonly #queue: WorkQueue;
  readonly #observer: ControllerObserver | undefined;
  /** Failures in a row. */
  readonly #failures = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #waiters = new Set<() => void>();
  #started = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#timing = options.timing ?? systemTiming;
    this.#queue = new WorkQueue({ timing: this.#timing, groupOf: namespaceOf, onReady: () => this.#pump() });
    this.#observer = options.observer?.(options.name, () => this.#queue.depth);
  }

  /** Wants a run for the object of this name. May be called before `start` and from within a run. */
  enqueue(key: ObjectKey): void {
    this.#queue.add(`${key.namespace ?? ""}/${key.name}`);
  }

  start(): void {
    this.#started = true;
    this.#pump();
  }

  /** Resolves when nothing is ready or running. Keys may still wait for a later time. */
  async idle(): Promise<void> {
    while (!this.#queue.idle) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  /**
   * Takes no more work, aborts the signal of the runs that are under way and waits for them, at most `graceMs` (default 10,000).
   * Answers whether all of them ended.
   */
  async stop(graceMs = 10_000): Promise<boolean> {
    this.#queue.close();
    this.#stopping.abort(new Error(`the controller ${this.#options.name} stops`));
    let late: () => void = () => {};
    const timeUp = new Promise<void>((resolve) => {
      late = this.#timing.after(graceMs, resolve);
    });
    await Promise.race([this.idle(), timeUp]);
    late();
    return this.#queue.idle;
  }

  #pump(): void {
    const { concurrency = 8 } = this.#options;
    while (this.#started && this.#queue.running < concurrency) {
      const next = this.#queue.next();
      if (!next) return;
      this.#observer?.started(next.waitedMs);
      void this.#run(next.key);
    }
  }

  /** Never rejects. */
  async #run(key: string): Promise<void> {
    const began = this.#timing.now();
    const outcome = await this.#attempt(key);
    this.#observer?.finished(outcome, this.#timing.now() - began);
    this.#queue.done(key);
    this.#pump();
    if (!this.#queue.idle) return;
    for (const resolve of this.#waiters) resolve();
    this.#waiters.clear();
  }

  async #attempt(key: string): Promise<Outcome> {
    const { reconcile, deadlineMs = 60_000 } = this.#options;
    const overdue = new AbortController();
    const cancel = this.#timing.after(deadlineMs, () => {
      overdue.abort(new Error(`the run for ${key} took longer than ${deadlineMs} ms`));
    });
    try {
      const result = await reconcile(
        objectKey(key),
        AbortSignal.any([this.#stopping.signal, overdue.signal]),
      );
      overdue.signal.throwIfAborted();
      this.#failures.delete(key);
      if (result?.requeueAfterMs === undefined) return "done";
      this.#queue.addAfter(key, result.requeueAfterMs);
      return "requeued";
    } catch (error) {
      return this.#failed(key, error);
    } finally {
      cancel();
    }
  }

  #failed(key: string, error: unknown): Outcome {
    const { log, name: controller, backoff = DEFAULT_BACKOFF, random } = this.#options;
    if (this.#stopping.signal.aborted) {
      log.debug({ controller, key, error }, "run broken off by the stop");
      return "failed";
    }
    if (error instanceof TerminalError) {
      this.#failures.delete(key);
      log.error({ controller, key, error }, "run failed; it waits for a change");
      return "terminal";
    }
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    const retryMs = Math.round(backoffMs(failures, backoff, random));
    this.#queue.addAfter(key, retryMs);
    log.warn({ controller, key, error, failures, retryMs }, "run failed; trying again");
    return "failed";
  }
}

const namespaceOf = (key: string) => key.slice(0, key.indexOf("/"));

function objectKey(key: string): ObjectKey {
  const slash = key.indexOf("/");
  const name = key.slice(slash + 1);
  return slash === 0 ? { name } : { namespace: key.slice(0, slash), name };
}
