import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { LocalError } from "../local-error.ts";
import { Guardian } from "./guardian.ts";
import { signalGroup } from "./identity.ts";
import { Ledger, type ProcessRecord } from "./ledger.ts";
import { LineSplitter } from "./lines.ts";

export interface ProcessOptions {
  /** For people: `pod default/gateway-…`. */
  what: string;
  command: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  onLine: (line: string, stream: "stdout" | "stderr") => void;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A started process; alone in its process group, so that what it starts ends with it. */
export interface RunningProcess {
  readonly pid: number;
  /** Resolves when it and its group have ended and its output is read. */
  readonly exited: Promise<Exit>;
  /** SIGTERM, and SIGKILL to the whole group after `graceMs`. Resolves as `exited`. */
  stop(graceMs: number): Promise<Exit>;
  /** SIGKILL to the whole group. */
  kill(): void;
}

/** Every process that the local mode starts. None of them outlives it. */
export class Processes {
  #ledger: Ledger;
  #guardian = new Guardian();
  #running = new Set<RunningProcess>();

  /** @param path File that the ledger is kept in. */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    this.#ledger = new Ledger(path);
  }

  /** Ends what an earlier run left over and begins to guard this one. Answers what it ended. */
  async open(): Promise<readonly ProcessRecord[]> {
    const ended = await this.#ledger.endOrphans(5_000);
    this.#guardian.start();
    return ended;
  }

  /** @throws LocalError `StartFailed` when the program can't be run at all. */
  async start(options: ProcessOptions): Promise<RunningProcess> {
    const { command, args, env, cwd, what } = options;
    const child = spawn(command, args, { env, cwd, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    const { pid } = child;
    if (pid === undefined) {
      const cause = await new Promise((resolve) => child.once("error", resolve));
      throw new LocalError(
        "StartFailed",
        `${what}: ${command} can't be started: ${(cause as Error).message}`,
        { cause },
      );
    }
    this.#guardian.add(pid);
    this.#ledger.add(pid, what);
    readLines(child, options.onLine);
    const process = new Child(child, pid);
    this.#running.add(process);
    process.exited.then(() => {
      this.#running.delete(process);
      this.#guardian.remove(pid);
      this.#ledger.remove(pid);
    }, ignore);
    return process;
  }

  /** SIGKILL to everything that runs. */
  killAll(): void {
    for (const process of this.#running) process.kill();
  }

  close(): void {
    this.#guardian.close();
  }
}

const ignore = () => {};

class Child implements RunningProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  #child: ChildProcess;

  constructor(child: ChildProcess, pid: number) {
    this.pid = pid;
    this.#child = child;
    child.on("error", ignore);
    // What the process started and left behind holds its output open: it ends with it.
    child.once("exit", () => signalGroup(pid, "SIGKILL"));
    this.exited = new Promise((resolve) => child.once("close", (code, signal) => resolve({ code, signal })));
  }

  async stop(graceMs: number): Promise<Exit> {
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.kill(), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  kill(): void {
    if (this.#child.exitCode === null && this.#child.signalCode === null) signalGroup(this.pid, "SIGKILL");
  }
}

function readLines(child: ChildProcess, onLine: ProcessOptions["onLine"]): void {
  for (const name of ["stdout", "stderr"] as const) {
    const lines = new LineSplitter((line) => onLine(line, name));
    child[name]?.on("data", (chunk: Buffer) => lines.write(chunk));
    child[name]?.once("close", () => lines.end());
  }
}
