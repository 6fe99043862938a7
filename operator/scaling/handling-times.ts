import { Handlings } from "@vextir/api";

/** Weight of the newest measurement. */
const NEWEST = 0.2;

/** How fast one pod of a driver handles events, from what the runtimes tell of their handlings. */
export class HandlingTimes {
  #meanMs: number | undefined;
  /** Of a pod that had always more to do. */
  #busyPerSecond: number | undefined;
  #handled = 0;
  #sinceMs: number | undefined;
  #wasBusy = false;

  /** A message of `run.<driver>.>`. What is none is passed over: the driver itself said it. */
  heard(body: Uint8Array): void {
    for (const { durationMs, outcome } of handlingsOf(body)) {
      if (outcome === "Returned") continue;
      this.#handled++;
      this.#meanMs = mixed(this.#meanMs, durationMs);
    }
  }

  /** After each look at the lag. */
  looked(isBusy: boolean, pods: number, nowMs: number): void {
    const seconds = this.#sinceMs === undefined ? 0 : (nowMs - this.#sinceMs) / 1_000;
    if (isBusy && this.#wasBusy && pods > 0 && seconds > 0 && this.#handled > 0)
      this.#busyPerSecond = mixed(this.#busyPerSecond, this.#handled / seconds / pods);
    this.#handled = 0;
    this.#sinceMs = nowMs;
    this.#wasBusy = isBusy;
  }

  /**
   * Events that a pod handles in a second: at least one after the other, in the mean time that a handling takes; more where it was seen
   * to do several at a time. Undefined: nothing was measured yet.
   */
  get podPerSecond(): number | undefined {
    if (this.#meanMs === undefined) return undefined;
    return Math.max(1_000 / Math.max(0.1, this.#meanMs), this.#busyPerSecond ?? 0);
  }
}

const mixed = (before: number | undefined, now: number) =>
  before === undefined ? now : before + NEWEST * (now - before);

function handlingsOf(body: Uint8Array) {
  try {
    return Handlings.parse(JSON.parse(Buffer.from(body).toString("utf8"))).handlings;
  } catch {
    return [];
  }
}
