import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { signalGroup, startOf } from "./identity.ts";

export interface ProcessRecord {
  /** Process id, which is its group's too. */
  pid: number;
  start: string;
  what: string;
}

/**
 * Which processes this run started, in a file: written before they do any work, so that the next run finds what was left over
 * when this one is killed.
 */
export class Ledger {
  #path: string;
  #records = new Map<number, ProcessRecord>();

  constructor(path: string) {
    this.#path = path;
  }

  add(pid: number, what: string): void {
    const start = startOf(pid);
    if (start === undefined) return;
    this.#records.set(pid, { pid, start, what });
    this.#write();
  }

  remove(pid: number): void {
    if (this.#records.delete(pid)) this.#write();
  }

  /**
   * Ends what an earlier run left over: SIGTERM, and SIGKILL after `graceMs`. Answers what it ended. Only processes that still
   * are the ones recorded are touched.
   */
  async endOrphans(graceMs: number): Promise<readonly ProcessRecord[]> {
    const orphans = read(this.#path).filter(isAlive);
    for (const { pid } of orphans) signalGroup(pid, "SIGTERM");
    const deadline = Date.now() + graceMs;
    while (orphans.some(isAlive) && Date.now() < deadline) await sleep(50);
    for (const { pid } of orphans.filter(isAlive)) signalGroup(pid, "SIGKILL");
    while (orphans.some(isAlive)) await sleep(20);
    this.#write();
    return orphans;
  }

  #write(): void {
    const temporary = `${this.#path}.tmp`;
    writeFileSync(temporary, JSON.stringify([...this.#records.values()]), { mode: 0o600 });
    renameSync(temporary, this.#path);
  }
}

const isAlive = ({ pid, start }: ProcessRecord) => startOf(pid) === start;

function read(path: string): ProcessRecord[] {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as ProcessRecord[];
  } catch {
    // Absent in the first run.
    return [];
  }
}
