import type { Driver } from "@vextir/api";
import type { Cluster } from "@vextir/operator/cluster.ts";
import { type HubPolicyFeed, startHubPolicyFeed } from "@vextir/operator/hub/policy-feed.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import type { Release } from "@vextir/operator/release.ts";
import { type Logger, pino } from "pino";
import type { LocalBus } from "../bus/local-bus.ts";
import { freePort } from "../kubelet/ports.ts";
import { logRecord } from "../output/log-line.ts";
import type { Printer } from "../output/printer.ts";
import { KeptProcess } from "../processes/kept-process.ts";
import type { Processes } from "../processes/processes.ts";
import type { StatePaths } from "../state/state-folder.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { hubEnvironment, writeHubFiles } from "./hub-files.ts";

/** The embedded PostgreSQL is made by the first start: half a minute on a busy machine, and it must not be cut off in between. */
const READY_MS = 300_000;
const STOP_MS = 10_000;

export interface LocalHubOptions {
  store: ObjectStore;
  cluster: Cluster;
  bus: LocalBus;
  processes: Processes;
  state: StatePaths;
  /** Path of the hub's bundle. @throws LocalError `NotBuilt` */
  program: () => string;
  printer: Printer;
  log: Logger;
  /** Of what it prints; default `warn`. */
  logLevel?: string | undefined;
  /** Drivers that were there before it find it now. */
  wanted: () => void;
}

/**
 * The context hub of the local mode, over a PGlite in the state folder. It starts when the first Driver is granted documents, since
 * it takes half a gigabyte, and seconds of processor time (measured: eight for the first start, one and a half later): who has no such
 * Driver pays nothing for it. From then on it stays.
 */
export class LocalHub {
  readonly #options: LocalHubOptions;
  readonly #port: number;
  readonly #healthPort: number;
  #isWanted = false;
  #process: KeptProcess | undefined;
  #feed: HubPolicyFeed | undefined;
  #starting: Promise<void> = Promise.resolve();

  private constructor(options: LocalHubOptions, [port, healthPort]: [number, number]) {
    this.#options = options;
    this.#port = port;
    this.#healthPort = healthPort;
  }

  static async open(options: LocalHubOptions): Promise<LocalHub> {
    const hub = new LocalHub(options, [await freePort(), await freePort()]);
    options.store.watch(KINDS.Driver, (driver) => hub.#look(driver));
    return hub;
  }

  /** As drivers find it; undefined: nobody needs it yet. */
  get address(): Release["hub"] {
    return this.#isWanted ? { url: `http://127.0.0.1:${this.#port}` } : undefined;
  }

  /** After the drivers, which it serves. */
  async stop(): Promise<void> {
    await this.#starting;
    await this.#feed?.stop();
    await this.#process?.stop();
  }

  #look({ spec }: Driver): void {
    if (this.#isWanted || !spec?.capabilities?.context?.length) return;
    this.#isWanted = true;
    const { printer, wanted } = this.#options;
    this.#starting = this.#start().catch((error: Error) => printer.note("hub", error.message, "error"));
    wanted();
  }

  async #start(): Promise<void> {
    const { cluster, bus, processes, program, printer, state, log } = this.#options;
    const command = { command: process.execPath, args: [program()], cwd: state.hub };
    const files = await writeHubFiles(state.hub, bus);
    printer.note("hub", "starts, since a driver is granted documents");
    this.#process = new KeptProcess({
      ...{ processes, name: "the context hub", what: "the context hub", ...command },
      env: {
        ...hubEnvironment({ bus, files, port: this.#port, healthPort: this.#healthPort }),
        VEXTIR_LOG_LEVEL: levels[this.#level] < levels["info"] ? this.#level : "info",
      },
      onLine: (line) => this.#heard(line),
      isReady: (line) => line.includes("the context hub serves"),
      ...{ readyMs: READY_MS, stopMs: STOP_MS },
      onNote: (message) => printer.note("hub", message, "warn"),
    });
    this.#process.begin();
    this.#feed = await startHubPolicyFeed({ servers: [bus.url], realm: bus.realm, cluster, log });
  }

  get #level(): keyof typeof levels {
    const { logLevel = "warn" } = this.#options;
    return logLevel in levels ? (logLevel as keyof typeof levels) : "warn";
  }

  /** What it says at `info` tells that it is ready, which nobody wants to read. */
  #heard(line: string): void {
    const level = logRecord(line)?.["level"];
    if (typeof level !== "number" || level >= levels[this.#level]) this.#options.printer.line("hub", line);
  }
}

const levels = pino.levels.values as Record<"trace" | "debug" | "info" | "warn" | "error" | "fatal", number>;
