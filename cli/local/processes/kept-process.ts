import { setTimeout as pause } from "node:timers/promises";
import { LocalError } from "../local-error.ts";
import type { Processes, ProcessOptions, RunningProcess } from "./processes.ts";

const BACKOFF = { firstMs: 250, lastMs: 10_000, stableMs: 60_000 };
const KEPT_LINES = 20;

export interface KeptProcessOptions extends Omit<ProcessOptions, "onLine"> {
  processes: Processes;
  /** In messages: `nats-server`. */
  name: string;
  onLine: (line: string) => void;
  /** Whether the line says that it is ready. */
  isReady: (line: string) => boolean;
  /** What it has for it. */
  readyMs: number;
  /** What it has to end by itself when it is told to. */
  stopMs: number;
  /** What people should know: that it ended, or can't be started again. */
  onNote: (message: string) => void;
}

/** A child process that is wanted as long as the local mode runs: started again, later and later, whenever it ends by itself. */
export class KeptProcess {
  readonly #options: KeptProcessOptions;
  readonly #stopping = new AbortController();
  #process: RunningProcess | undefined;
  #lines: string[] = [];
  #done: Promise<void> = Promise.resolve();

  constructor(options: KeptProcessOptions) {
    this.#options = options;
  }

  /** Resolves when it is ready. @throws LocalError `StartFailed` with the end of its log; then it is not tried again. */
  async start(): Promise<void> {
    await this.#run();
    this.#done = this.#keep();
  }

  /** Starts it in the background: what keeps it from being ready is told, and tried again. */
  begin(): void {
    this.#done = this.#tryRun().then(() => this.#keep());
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#process?.stop(this.#options.stopMs);
    await this.#done;
  }

  async #run(): Promise<void> {
    const { processes, readyMs, isReady, onLine, ...options } = this.#options;
    const ready = Promise.withResolvers<void>();
    const process = await processes.start({
      ...options,
      onLine: (line) => {
        this.#lines = [...this.#lines.slice(1 - KEPT_LINES), line];
        onLine(line);
        if (isReady(line)) ready.resolve();
      },
    });
    this.#process = process;
    const late = setTimeout(
      () => ready.reject(this.#failure(`is not ready after ${readyMs / 1_000} s`)),
      readyMs,
    );
    process.exited.then(({ code }) => ready.reject(this.#failure(`ended with code ${code}`)), ready.reject);
    try {
      await ready.promise;
    } catch (error) {
      process.kill();
      await process.exited;
      throw error;
    } finally {
      clearTimeout(late);
    }
  }

  async #tryRun(): Promise<void> {
    const { onNote, stopMs } = this.#options;
    await this.#run().catch((error: Error) => onNote(error.message));
    if (this.#stopping.signal.aborted) await this.#process?.stop(stopMs);
  }

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    const { onNote } = this.#options;
    let waitMs = BACKOFF.firstMs;
    while (!signal.aborted) {
      const began = Date.now();
      await this.#process?.exited;
      if (signal.aborted) return;
      if (Date.now() - began > BACKOFF.stableMs) waitMs = BACKOFF.firstMs;
      onNote("ended unexpectedly; it is started again");
      await pause(waitMs, undefined, { signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, BACKOFF.lastMs);
      if (signal.aborted) return;
      await this.#tryRun();
    }
  }

  #failure(how: string): LocalError {
    return new LocalError("StartFailed", `${this.#options.name} ${how}:\n${this.#lines.join("\n")}`);
  }
}
