import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { DriverRow } from "@vextir/cli/local/driver-table.ts";
import { startOf } from "@vextir/cli/local/processes/identity.ts";
import type { ProcessRecord } from "@vextir/cli/local/processes/ledger.ts";
import { readStatus } from "@vextir/cli/local/status-file.ts";
import { eventually } from "../../fixtures/eventually.ts";

const root = join(import.meta.dirname, "..", "..", "..");
export const vextir = join(root, "cli", "vextir.ts");
/** Nothing of jest's own. */
export const environment = { PATH: process.env["PATH"], HOME: process.env["HOME"], NO_COLOR: "1" };

/** A folder of YAML and a state, and `vextir up` on them as a process of its own, again and again. */
export class LocalProcess {
  readonly folder: string;
  readonly state: string;
  #child: ChildProcess | undefined;
  #lines: string[] = [];

  private constructor(folder: string) {
    this.folder = join(folder, "yaml");
    this.state = join(folder, "state");
  }

  static async create(files: Record<string, string>): Promise<LocalProcess> {
    const local = new LocalProcess(await mkdtemp(join(tmpdir(), "vextir-local-")));
    for (const [name, text] of Object.entries(files)) await local.write(name, text);
    return local;
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    await writeFile(join(this.folder, name), text);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.folder, name));
  }

  up(more: { args?: readonly string[]; environment?: Record<string, string> } = {}): void {
    this.#lines = [];
    const args = [vextir, "up", this.folder, "--state", this.state, "--json", ...(more.args ?? [])];
    const child = spawn(process.execPath, args, {
      cwd: this.state.slice(0, -"/state".length),
      env: { ...environment, ...more.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => this.#lines.push(line));
  }

  /** What a command says of this local mode. @throws what it ended with: `code`, `stdout`, `stderr`. */
  run(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    const options = { env: environment };
    return promisify(execFile)(process.execPath, [vextir, ...args, "--state", this.state], options);
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get output(): string {
    return this.#lines.join("\n");
  }

  /** What it said that contains `text`. */
  said(text: string): Promise<string> {
    return this.#until(() => this.#lines.find((line) => line.includes(text)), `"${text}" is said`);
  }

  /** The drivers' rows as soon as they are as `holds` wants them. */
  drivers(holds: (rows: readonly DriverRow[]) => boolean, what: string): Promise<readonly DriverRow[]> {
    return this.#until(async () => {
      const status = await readStatus(this.state).catch(() => undefined);
      return status && holds(status.drivers) && status.drivers;
    }, what);
  }

  /** All drivers of these names, and no others, are ready. */
  ready(...names: string[]): Promise<readonly DriverRow[]> {
    return this.drivers(
      (rows) =>
        rows.length === names.length &&
        rows.every(({ name, ready }) => names.includes(name) && ready === "True"),
      `${names.join(", ")} ready`,
    );
  }

  /** What it started, by its own ledger. */
  async processes(): Promise<ProcessRecord[]> {
    return JSON.parse(await readFile(join(this.state, "processes.json"), "utf8"));
  }

  async signal(signal: NodeJS.Signals): Promise<void> {
    this.#child?.kill(signal);
  }

  /** Its exit code, or the signal that ended it. */
  async ended(): Promise<number | string | null> {
    const child = this.#child;
    if (!child) return null;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? child.signalCode;
  }

  async end(signal: NodeJS.Signals): Promise<number | string | null> {
    await this.signal(signal);
    return this.ended();
  }

  async dispose(): Promise<void> {
    if (this.#child && (await this.end("SIGTERM")) === null) throw new Error("it did not end");
    await rm(join(this.folder, ".."), { recursive: true, force: true });
  }

  async #until<T>(
    look: () => Promise<T | undefined | false> | T | undefined | false,
    what: string,
  ): Promise<T> {
    try {
      return (await eventually(look, what)) as T;
    } catch (cause) {
      throw new Error(`${what} did not happen:\n${this.output.slice(-6_000)}`, { cause });
    }
  }
}

export const isGone = ({ pid, start }: ProcessRecord) => startOf(pid) !== start;
