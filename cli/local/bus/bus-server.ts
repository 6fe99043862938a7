import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { KeptProcess } from "../processes/kept-process.ts";
import type { Processes } from "../processes/processes.ts";

const READY_MS = 20_000;
/** nats-server closes its files; what it acknowledged is on the disk already. */
const STOP_MS = 10_000;

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
  readonly #options: BusServerOptions;
  readonly #process: KeptProcess;

  constructor(options: BusServerOptions) {
    const { processes, program, folder, onNote } = options;
    this.#options = options;
    this.#process = new KeptProcess({
      ...{ processes, onNote, name: "nats-server", what: "the bus (nats-server)" },
      ...{ command: program, args: ["-c", join(folder, "nats.conf")], env: {}, cwd: folder },
      onLine: (line) => this.#heard(line),
      isReady: (line) => line.includes("Server is ready"),
      ...{ readyMs: READY_MS, stopMs: STOP_MS },
    });
  }

  /** Resolves when it is ready for clients. @throws LocalError `StartFailed` with the end of its log. */
  async start(): Promise<void> {
    await writeFile(join(this.#options.folder, "nats.conf"), this.#options.config, { mode: 0o600 });
    await this.#process.start();
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }

  #heard(line: string): void {
    const [, level, text] = /\[(WRN|ERR|FTL)\] (.*)$/.exec(line) ?? [];
    if (level && text && !QUIET.some((part) => text.includes(part))) this.#options.onNote(text);
  }
}

/** Warnings about what is meant to be so in local mode. */
const QUIET = ["Maximum JetStream", "Filestore", "default_sentinel"];
