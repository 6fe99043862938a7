import type { DriverTraffic, PublishQuota } from "../bus/authority.ts";

interface Budget {
  sentBytes: number;
  /** Below zero: a debt, which has to be worked off too. */
  leftBytes: number;
  atMs: number;
  isOver: boolean;
}

/** Of the burst: as much has to be there again, so that a driver at its limit isn't let in and held back each second. */
const AGAIN_SHARE = 1 / 4;
const FORGET_MS = 10 * 60_000;

/** A token bucket for each driver. What is sent until the bus refuses counts as well, so in the long run the quota holds. */
export class PublishBudgets {
  readonly #budgets = new Map<string, Budget>();

  /** @param nowMs monotonic. @returns the drivers for which `isOver` has changed. */
  observe(traffic: readonly DriverTraffic[], nowMs: number): DriverTraffic[] {
    const changed = traffic.filter((driver) => this.#account(driver, nowMs));
    // Without a connection nothing is sent: what is full by now need not be known.
    for (const [uid, { atMs, isOver }] of this.#budgets)
      if (!isOver && nowMs - atMs > FORGET_MS) this.#budgets.delete(uid);
    return changed;
  }

  isOver(uid: string): boolean {
    return this.#budgets.get(uid)?.isOver ?? false;
  }

  forget(uid: string): void {
    this.#budgets.delete(uid);
  }

  #account({ uid, sentBytes, quota }: DriverTraffic, nowMs: number): boolean {
    const before = this.#budgets.get(uid);
    // What it sent before it was first seen, nobody knows when: of its burst that may have been all, but no debt.
    const leftBytes = before
      ? left(before, sentBytes, quota, nowMs)
      : Math.max(0, quota.burstBytes - sentBytes);
    const wasOver = before?.isOver ?? false;
    const isOver = leftBytes < (wasOver ? quota.burstBytes * AGAIN_SHARE : 0);
    this.#budgets.set(uid, { sentBytes, leftBytes, atMs: nowMs, isOver });
    return isOver !== wasOver;
  }
}

function left(before: Budget, sentBytes: number, quota: PublishQuota, nowMs: number): number {
  const gained = ((nowMs - before.atMs) / 1_000) * quota.bytesPerSecond;
  // A server that began anew counts from zero.
  const sent = sentBytes >= before.sentBytes ? sentBytes - before.sentBytes : sentBytes;
  return Math.min(quota.burstBytes, before.leftBytes + gained - sent);
}
