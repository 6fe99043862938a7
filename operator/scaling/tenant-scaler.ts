import { consumerKey } from "../bus/authority.ts";
import type { ConsumerLag, StreamLags } from "../bus/consumer-lags.ts";
import type { TenantSight, TenantSights } from "../bus/tenant-sight.ts";
import { type Decision, type Look, lagOf } from "./decide.ts";
import type { DriverScaler, Times } from "./driver-scaler.ts";
import { type ScaledDriver, wakeSubject } from "./scaled-driver.ts";

export interface TenantScalerOptions {
  namespace: string;
  sights: TenantSights;
  times: () => Times;
  /** Other pods are wanted: `replicas` of the driver says how many. */
  changed: (scaler: DriverScaler, decision: Decision, from: number) => void;
  /** The driver's lag is known again, or no longer. */
  troubled: (driver: ScaledDriver) => void;
  /** A consumer is gone; so far its events are acknowledged, by consumer, as far as was seen. */
  missing: (driver: ScaledDriver, consumers: ReadonlyMap<string, number>) => void;
  /** So many pods are left when as many go as may. */
  fewest: (driver: ScaledDriver, inFlight: number, from: number, to: number) => Promise<number>;
  /** What failed for a reason that is none of the bus. */
  failed: (error: unknown) => void;
}

/** A driver and what is listened to for its sake. */
interface Entry {
  scaler: DriverScaler;
  /** Of the clock that never goes back. */
  dueMs: number;
  /** Ends the listening; undefined: nothing is listened to. */
  asleep: (() => void) | undefined;
  /** Ends the listening to what its pods tell of their handlings. */
  measured: (() => void) | undefined;
  /** Counts what was heard: a look that began before says nothing of it. */
  heard: number;
  isGoingDown: boolean;
  /** Looks, one after the other, that found it asleep and nothing to do. */
  restful: number;
  /** Not before this time pods are asked again whether they may go. */
  askAgainMs: number;
  ackedUpTo: Map<string, number>;
}

/**
 * While nothing is listened for on its way between servers the listening is not known to all of them: a second look follows soon, and
 * one every half minute, for what nobody should have to rely on.
 */
const SOON_MS = 1_000;
const ASLEEP_MS = 30_000;
const ASK_AGAIN_MS = 5_000;

/** Looks at the lag of one tenant's drivers, together, and hears what is to wake those that sleep. */
export class TenantScaler {
  readonly #options: TenantScalerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #byName = new Map<string, Entry>();
  #sight: Promise<TenantSight> | undefined;
  #looking: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: TenantScalerOptions) {
    this.#options = options;
  }

  get isEmpty(): boolean {
    return this.#entries.size === 0;
  }

  get(uid: string): DriverScaler | undefined {
    return this.#entries.get(uid)?.scaler;
  }

  all(): DriverScaler[] {
    return [...this.#entries.values()].map(({ scaler }) => scaler);
  }

  /** One that is not known yet; it is looked at as soon as may be. */
  add(scaler: DriverScaler): void {
    const entry: Entry = {
      ...{ scaler, dueMs: 0, asleep: undefined, measured: undefined, heard: 0, isGoingDown: false },
      ...{ restful: 0, askAgainMs: 0, ackedUpTo: new Map() },
    };
    this.#entries.set(scaler.driver.uid, entry);
    this.#byName.set(scaler.driver.name, entry);
    void this.look();
  }

  /** Its consumers, or how it is scaled, changed. */
  refresh(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#silence(entry);
    entry.dueMs = 0;
    void this.look();
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (!entry) return;
    this.#silence(entry);
    this.#entries.delete(uid);
    const { name } = entry.scaler.driver;
    if (this.#byName.get(name) === entry) this.#byName.delete(name);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const entry of this.#entries.values()) this.#silence(entry);
    const sight = await this.#sight?.catch(() => undefined);
    await sight?.close();
    await this.#looking;
  }

  /** Looks at those that are due. Never rejects; one look at a time. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
      .catch((error) => this.#options.failed(error))
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #look(): Promise<void> {
    if (this.#isStopped) return;
    const { nowMs, wallMs } = this.#options.times();
    const due = [...this.#entries.values()].filter((entry) => {
      if (entry.isGoingDown) return false;
      if (entry.dueMs <= nowMs) return true;
      return entry.asleep !== undefined && entry.scaler.isScheduledAt(wallMs);
    });
    if (due.length === 0) return;
    const sight = await this.#open().catch((error: Error) => error);
    for (const entry of due) entry.dueMs = nowMs + entry.scaler.driver.scaling.pollingInterval * 1_000;
    if (sight instanceof Error) return this.#failedAll(due, sight);
    const heard = new Map(due.map((entry) => [entry, entry.heard]));
    for (const entry of due) this.#listen(entry, sight);
    const named = new Set(due.flatMap(({ scaler }) => scaler.driver.consumers.map(({ stream }) => stream)));
    const lists = await Promise.all(
      [...named].map(async (stream) => [stream, await sight.lags(stream)] as const),
    ).catch((error: Error) => error);
    if (lists instanceof Error) return this.#failedAll(due, lists);
    const byStream = new Map(lists);
    for (const entry of due) {
      if (this.#entries.get(entry.scaler.driver.uid) !== entry) continue;
      const look = await this.#read(entry, byStream, sight);
      // What it was woken by came after this look.
      if (heard.get(entry) !== entry.heard) entry.dueMs = 0;
      else this.#decide(entry, look);
    }
  }

  #failedAll(entries: readonly Entry[], { message: why }: Error): void {
    for (const entry of entries) this.#decide(entry, { state: "failed", why });
  }

  async #read(entry: Entry, lists: ReadonlyMap<string, StreamLags>, sight: TenantSight): Promise<Look> {
    const { driver } = entry.scaler;
    const sum = { pending: 0, inFlight: 0, redelivered: 0 };
    const missing = new Map<string, number>();
    for (const consumer of driver.consumers) {
      const { stream, name } = consumer;
      const key = consumerKey(consumer);
      const list = lists.get(stream);
      if (list?.silent.has(name))
        return { state: "failed", why: `the consumer ${name} has no leader that answers` };
      // A page may have moved on while it was turned: whether it is really gone is asked.
      const lag = list?.found.get(name) ?? (await sight.lag({ stream, name }).catch((error: Error) => error));
      if (lag instanceof Error) return { state: "failed", why: lag.message };
      if (lag === undefined) missing.set(key, entry.ackedUpTo.get(key) ?? 0);
      else add(sum, lag, entry.ackedUpTo, key);
    }
    if (missing.size === 0) return { state: "read", lag: sum };
    this.#options.missing(driver, missing);
    return {
      state: "failed",
      why: `the consumer ${[...missing.keys()].join(", ")} is not there; it is made again`,
    };
  }

  #decide(entry: Entry, look: Look): void {
    const { scaler } = entry;
    const times = this.#options.times();
    const before = scaler.trouble;
    if (look.state === "read")
      scaler.times.looked(lagOf(look.lag) > 0, scaler.driver.readyReplicas, times.nowMs);
    const decision = scaler.decide(look, times);
    if ((before === undefined) !== (scaler.trouble === undefined)) this.#options.troubled(scaler.driver);
    if (decision.replicas < scaler.replicas) void this.#goDown(entry, decision);
    else this.#settle(entry, decision, decision.replicas);
  }

  #settle(entry: Entry, decision: Decision, replicas: number): void {
    const { scaler } = entry;
    const times = this.#options.times();
    const from = scaler.replicas;
    if (scaler.settle(decision, replicas, times)) this.#options.changed(scaler, decision, from);
    if (replicas > 0) this.#wakeUp(entry);
    entry.restful = scaler.isAtRest && entry.asleep ? entry.restful + 1 : 0;
    if (entry.restful > 0) entry.dueMs = times.nowMs + (entry.restful === 1 ? SOON_MS : ASLEEP_MS);
  }

  /** Never rejects. */
  async #goDown(entry: Entry, decision: Decision): Promise<void> {
    entry.isGoingDown = true;
    try {
      await this.#takeAway(entry, decision);
    } catch (error) {
      this.#options.failed(error);
    } finally {
      entry.isGoingDown = false;
    }
  }

  async #takeAway(entry: Entry, decision: Decision): Promise<void> {
    const { scaler } = entry;
    const { driver, replicas: from } = scaler;
    const { heard } = entry;
    const { nowMs } = this.#options.times();
    if (nowMs < entry.askAgainMs) return scaler.held("PodsBusy", BUSY);
    const fewest = await this.#options.fewest(driver, scaler.lag?.inFlight ?? 0, from, decision.replicas);
    if (fewest === from) {
      entry.askAgainMs = nowMs + ASK_AGAIN_MS;
      return scaler.held("PodsBusy", BUSY);
    }
    // First it is listened, then looked: what comes in between is heard.
    if (fewest === 0 && !(await this.#isQuiet(entry))) return;
    if (entry.heard !== heard || this.#entries.get(driver.uid) !== entry) return;
    this.#settle(entry, decision, fewest);
  }

  async #isQuiet(entry: Entry): Promise<boolean> {
    const { driver } = entry.scaler;
    const sight = await this.#open();
    this.#sleep(entry, sight);
    for (const consumer of driver.consumers) {
      const lag = await sight.lag(consumer).catch(() => undefined);
      if (lag && lag.inFlight === 0 && lag.pending <= driver.scaling.activationLagThreshold) continue;
      this.#wakeUp(entry);
      return false;
    }
    return true;
  }

  #listen(entry: Entry, sight: TenantSight): void {
    const { scaler } = entry;
    if (scaler.replicas === 0) this.#sleep(entry, sight);
    const wanted = scaler.driver.scaling.targetLatency !== undefined;
    if (wanted && !entry.measured)
      entry.measured = sight.every(`run.${scaler.driver.name}.>`, (body) => scaler.times.heard(body));
  }

  /** Listens to what its consumers would be given. */
  #sleep(entry: Entry, sight: TenantSight): void {
    if (entry.asleep) return;
    const subjects = new Set(
      entry.scaler.driver.consumers.flatMap(({ filterSubjects }) => filterSubjects.map(wakeSubject)),
    );
    const ends = [...subjects].map((subject) => sight.next(subject, () => this.#woken(entry, "event")));
    entry.asleep = () => {
      for (const end of ends) end();
    };
  }

  #wakeUp(entry: Entry): void {
    entry.asleep?.();
    entry.asleep = undefined;
  }

  #silence(entry: Entry): void {
    this.#wakeUp(entry);
    entry.measured?.();
    entry.measured = undefined;
  }

  /** An event came that a sleeping driver is to be given, or a call for it. */
  #woken(entry: Entry, cause: "event" | "call"): void {
    if (this.#isStopped || this.#entries.get(entry.scaler.driver.uid) !== entry) return;
    const { scaler } = entry;
    entry.heard++;
    this.#wakeUp(entry);
    entry.dueMs = 0;
    // Below the threshold one event is no work: how many wait has to be read.
    if (scaler.replicas === 0 && (cause === "call" || scaler.driver.scaling.activationLagThreshold === 0)) {
      const decision = scaler.decideToWake(cause, this.#options.times());
      this.#settle(entry, decision, Math.max(decision.replicas, scaler.replicas));
    }
    void this.look();
  }

  #knocked(name: string): boolean {
    const entry = this.#byName.get(name);
    if (!entry) return false;
    entry.scaler.called(this.#options.times().nowMs);
    if (entry.scaler.replicas === 0) this.#woken(entry, "call");
    else if (entry.isGoingDown) entry.heard++;
    return true;
  }

  #open(): Promise<TenantSight> {
    const { sights, namespace } = this.#options;
    this.#sight ??= sights
      .open(namespace, { knocked: (name) => this.#knocked(name), returned: () => this.#returned() })
      .catch((error) => {
        this.#sight = undefined;
        throw error;
      });
    return this.#sight;
  }

  /** What was said while the connection was away is lost. */
  #returned(): void {
    for (const entry of this.#entries.values()) entry.dueMs = 0;
    void this.look();
  }
}

const BUSY = "pods that would go have work in hand that may take longer than their grace period";

function add(
  sum: { pending: number; inFlight: number; redelivered: number },
  { pending, inFlight, redelivered, ackedUpTo }: ConsumerLag,
  positions: Map<string, number>,
  key: string,
): void {
  sum.pending += pending;
  sum.inFlight += inFlight;
  sum.redelivered += redelivered;
  positions.set(key, ackedUpTo);
}
