import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Logger } from "pino";
import { pause, systemTiming, type Timing } from "../timing.ts";
import type { KubeApi } from "./kube-api.ts";
import { isConflict, LeaseRecord } from "./lease.ts";

export interface LeaderElectionOptions {
  api: KubeApi;
  namespace: string;
  /** Of the Lease object. */
  name: string;
  log: Pick<Logger, "info" | "warn">;
  /** Default: the host's name (the pod's) and a random part. */
  identity?: string;
  /** Others leave the leader alone for this long after its last renewal. Default 15,000. */
  leaseDurationMs?: number;
  /** The leader gives up when it could not renew for this long; shorter than the lease. Default 10,000. */
  renewDeadlineMs?: number;
  /** Between attempts to take or renew the lease. Default 2,000. */
  retryPeriodMs?: number;
  timing?: Timing;
  random?: () => number;
}

export interface LeaderWork {
  /** Called when this replica leads. The signal ends the leadership: what was begun must stop. */
  onStarted(signal: AbortSignal): Promise<void> | void;
  /**
   * Called after the signal; resolves when the work has ended. The lease is given away only then. After a loss it is waited for
   * until others may start; then the process must end.
   */
  onStopped?(): Promise<void> | void;
}

/**
 * Lets one replica work at a time, by a Lease, with the rules and times of client-go:
 *
 *     following -> leading -> stopping (asked to; goes on renewing until the work has ended, then gives the lease away)
 *                          -> lost (could not renew in time, or another one holds it)
 *
 * Times are monotonic and counted from before a renewal was sent, others count from when they see it: the leader stops before
 * another can start. After `lost` a process should exit, since what it holds in memory may be stale.
 */
export class LeaderElection {
  readonly #options: LeaderElectionOptions;
  readonly #timing: Timing;
  readonly #lease: LeaseRecord;
  readonly #durationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryMs: number;
  readonly identity: string;
  #renewedAt = Number.NEGATIVE_INFINITY;
  #leads = false;

  /** @throws RangeError when a leader would give up later than others take over. */
  constructor(options: LeaderElectionOptions) {
    const { api, namespace, name, timing = systemTiming } = options;
    this.#options = options;
    this.#timing = timing;
    this.#lease = new LeaseRecord(api, { namespace, name });
    this.identity = options.identity ?? `${hostname()}_${randomUUID()}`;
    this.#durationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryMs = options.retryPeriodMs ?? 2_000;
    if (this.#durationMs <= this.#renewDeadlineMs || this.#renewDeadlineMs <= this.#retryMs * 1.2) {
      throw new RangeError("leaseDurationMs must exceed renewDeadlineMs, and that 1.2 x retryPeriodMs");
    }
  }

  /** Whether this replica surely leads at this moment, also after the process was held up: asked before each write. */
  get leading(): boolean {
    return this.#leads && this.#timing.now() - this.#renewedAt < this.#renewDeadlineMs;
  }

  /** Waits for the lease and leads until `stop` is aborted or the lease is lost. Rejects with what `onStarted` throws. */
  async run(work: LeaderWork, stop: AbortSignal): Promise<"stopped" | "lost"> {
    if (!(await this.#acquire(stop))) return "stopped";
    const { log } = this.#options;
    log.info({ identity: this.identity }, "leading");
    const over = new AbortController();
    const released = new AbortController();
    const renewing = this.#renewUntil(released.signal);
    const started = (async () => work.onStarted(over.signal))();
    const failed = new Promise<never>((_, reject) => started.catch(reject));
    try {
      const outcome = await Promise.race([renewing, aborted(stop), failed]);
      log.info({ identity: this.identity, outcome }, "the leadership ends");
      return outcome;
    } finally {
      over.abort(new Error("this replica leads no more"));
      const ended = (async () => {
        await started.catch(() => {});
        await work.onStopped?.();
      })();
      // Work that does not end in time can't be waited for once the lease is lost: another replica may start.
      const outOfTime = renewing.then((outcome) => (outcome === "lost" ? this.#othersStart() : ended));
      try {
        await Promise.race([ended, outOfTime]);
      } finally {
        released.abort();
      }
      if ((await renewing) === "stopped") await this.#release();
      this.#leads = false;
    }
  }

  #othersStart(): Promise<void> {
    return pause(this.#timing, this.#renewedAt + this.#durationMs - this.#timing.now());
  }

  /** Resolves with false when stopped before. */
  async #acquire(stop: AbortSignal): Promise<boolean> {
    const { log, random = Math.random } = this.#options;
    let seen = { version: "", at: this.#timing.now() };
    while (!stop.aborted) {
      const began = this.#timing.now();
      try {
        await this.#lease.read(this.#renewDeadlineMs);
        if (this.#lease.version !== seen.version)
          seen = { version: this.#lease.version, at: this.#timing.now() };
        if (this.#isFree(seen.at)) {
          await this.#lease.write(this.identity, this.#durationMs, this.#renewDeadlineMs);
          this.#renewedAt = began;
          this.#leads = true;
          return true;
        }
      } catch (error) {
        if (!isConflict(error)) log.warn({ error }, "the lease can't be read or taken; trying again");
      }
      await pause(this.#timing, this.#retryMs * (1 + 0.2 * random()), stop);
    }
    return false;
  }

  /** Nobody's, our own of an earlier life under the same name, or not renewed for as long as its holder asked for. */
  #isFree(seenAt: number): boolean {
    const { holder, durationMs = this.#durationMs } = this.#lease;
    if (holder === "" || holder === this.identity) return true;
    return this.#timing.now() - seenAt >= Math.max(durationMs, this.#durationMs);
  }

  /** Resolves with `lost` when the lease is, with `stopped` when asked to stop before. Never rejects. */
  async #renewUntil(stop: AbortSignal): Promise<"stopped" | "lost"> {
    for (;;) {
      await pause(this.#timing, this.#retryMs, stop);
      if (stop.aborted) return "stopped";
      const leftMs = this.#renewedAt + this.#renewDeadlineMs - this.#timing.now();
      if (leftMs <= 0 || !(await this.#renew(leftMs))) {
        this.#leads = false;
        return "lost";
      }
    }
  }

  /** Answers false when another one holds the lease. A failure leaves it to the deadline. */
  async #renew(leftMs: number): Promise<boolean> {
    const began = this.#timing.now();
    try {
      await this.#lease.write(this.identity, this.#durationMs, leftMs);
      this.#renewedAt = began;
      return true;
    } catch (error) {
      this.#options.log.warn({ error }, "the lease was not renewed; trying again");
      return isConflict(error) ? this.#stillOurs() : true;
    }
  }

  async #stillOurs(): Promise<boolean> {
    const leftMs = this.#renewedAt + this.#renewDeadlineMs - this.#timing.now();
    if (leftMs <= 0) return false;
    try {
      await this.#lease.read(leftMs);
      return this.#lease.holder === this.identity;
    } catch {
      return true;
    }
  }

  /** Another replica need not wait for the lease to run out. */
  async #release(): Promise<void> {
    this.#leads = false;
    try {
      await this.#lease.write("", 1_000, 2_000);
    } catch (error) {
      this.#options.log.warn({ error }, "the lease was not given away; it runs out by itself");
    }
  }
}

const aborted = (signal: AbortSignal) =>
  new Promise<"stopped">((resolve) => {
    if (signal.aborted) resolve("stopped");
    else signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
