import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { LocalError } from "../local-error.ts";
import type { Processes, RunningProcess } from "../processes/processes.ts";

const READY_MS = 20_000;
/** nats-server closes its files; what it acknowledged is on the disk already. */
const STOP_MS = 10_000;
const BACKOFF = { firstMs: 250, lastMs: 10_000, stableMs: 60_000 };
const KEPT_LINES = 20;

export interface BusServerOptions {
  processes: Processes;
  /** Path of nats-server. */
  program: string;
  config: string;
  /** Folder for the configuration file. */
  folder: string;
  /** What people should know: warnings of the server, its crashes. */
  onNote: (message: string) => void;
}

/** nats-server as a child process, started again whenever it ends by itself. */
export class BusServer {
  #options: BusServerOptions;
  #process: RunningProcess | undefined;
  #lines: string[] = [];
  #stopping = new AbortController();
  #done: Promise<void> = Promise.resolve();

  constructor(options: BusServerOptions) {
    this.#options = options;
  }

  /** Resolves when it is ready for clients. @throws LocalError `StartFailed` with the end of its log. */
  async start(): Promise<void> {
    await writeFile(join(this.#options.folder, "nats.conf"), this.#options.config, { mode: 0o600 });
    await this.#run();
    this.#done = this.#keep();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#process?.stop(STOP_MS);
    await this.#done;
  }

  async #run(): Promise<void> {
    const { processes, program, folder } = this.#options;
    const ready = Promise.withResolvers<void>();
    const process = await processes.start({
      what: "the bus (nats-server)",
      command: program,
      args: ["-c", join(folder, "nats.conf")],
      env: {},
      cwd: folder,
      onLine: (line) => {
        this.#heard(line);
        if (line.includes("Server is ready")) ready.resolve();
      },
    });
    this.#process = process;
    const late = setTimeout(
      () => ready.reject(this.#failure(`is not ready after ${READY_MS / 1_000} s`)),
      READY_MS,
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

  async #keep(): Promise<void> {
    const { signal } = this.#stopping;
    let waitMs = BACKOFF.firstMs;
    while (!signal.aborted) {
      const began = Date.now();
      await this.#process?.exited;
      if (signal.aborted) return;
      if (Date.now() - began > BACKOFF.stableMs) waitMs = BACKOFF.firstMs;
      this.#options.onNote("ended unexpectedly; it is started again");
      await pause(waitMs, undefined, { signal }).catch(() => {});
      waitMs = Math.min(waitMs * 2, BACKOFF.lastMs);
      if (signal.aborted) return;
      await this.#run().catch((error: Error) => this.#options.onNote(error.message));
      if (signal.aborted) await this.#process?.stop(STOP_MS);
    }
  }

  #heard(line: string): void {
    this.#lines = [...this.#lines.slice(1 - KEPT_LINES), line];
    const [, level, text] = /\[(WRN|ERR|FTL)\] (.*)$/.exec(line) ?? [];
    if (level && text && !QUIET.some((part) => text.includes(part))) this.#options.onNote(text);
  }

  #failure(how: string): LocalError {
    return new LocalError("StartFailed", `nats-server ${how}:\n${this.#lines.join("\n")}`);
  }
}

/** Warnings about what is meant to be so in local mode. */
const QUIET = ["Maximum JetStream", "Filestore", "default_sentinel"];
