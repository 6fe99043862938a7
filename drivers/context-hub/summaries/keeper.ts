import { type ContextHub, durationMs, type Event, type Lineage, type Publish } from "@vextir/driver-runtime";
import type { Logger } from "pino";
import type { Summary } from "../config.ts";
import { type Answer, failed, faultOf, isPassing } from "../requests/answer.ts";
import { type Made, makeSummary } from "./make.ts";
import {
  claimed,
  marked,
  type Pace,
  postponed,
  released,
  type SummaryRecord,
  settled,
  wantedMs,
} from "./record.ts";
import type { SummaryRecords } from "./records.ts";

export interface KeeperParts {
  summaries: readonly Summary[];
  records: SummaryRecords;
  /** On nobody's behalf. */
  hub: ContextHub;
  publish: Publish;
  log: Logger;
  timeoutMs: number;
  synthesisMs: number;
  signal: AbortSignal;
  /** Told what became of each. */
  counted: (outcome: Made["outcome"] | "Failed" | "Postponed") => void;
}

const TICK_MS = 1_000;
const PARALLEL = 2;
/** More than a synthesis takes, with all that is around it. */
const MARGIN_MS = 60_000;

/** Keeps summaries up to date: which are due is in the bucket, and every pod makes those that it is the first to claim. */
export class SummaryKeeper {
  readonly #parts: KeeperParts;
  readonly #making = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.#makeDue(), TICK_MS);
  }

  /** Those in hand are broken off by the driver's signal, and due for other pods. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#making);
  }

  /** A document of the collection changed: summaries that are made of it are due. @throws DriverError of the state */
  async changed(collection: string, user: string, cause: Lineage | undefined): Promise<void> {
    for (const summary of this.#parts.summaries)
      if (summary.onChange && isMadeOf(summary, collection))
        await this.#parts.records.change(summary.name, user, (before) =>
          marked(before, { user, cause, nowMs: Date.now() }, paceOf(summary)),
        );
  }

  /** A summary was made on request: what had changed until `sinceMs` is in it. */
  async madeOnRequest(summary: Summary, user: string, sinceMs: number): Promise<void> {
    await this.#parts.records.change(summary.name, user, (before) => {
      const isIn =
        before?.dueMs !== undefined && before.claim === undefined && (before.sinceMs ?? 0) < sinceMs;
      const claim = isIn ? { dueMs: before.dueMs ?? 0, untilMs: 0 } : undefined;
      return {
        ...settled({ user, ...before }, claim, Date.now()),
        ...(before?.claim && { claim: before.claim }),
      };
    });
  }

  #makeDue(): void {
    const nowMs = Date.now();
    for (const summary of this.#parts.summaries)
      for (const { value } of this.#parts.records.of(summary.name)) {
        if (this.#making.size >= PARALLEL) return;
        const wanted = wantedMs(value, paceOf(summary));
        if (wanted !== undefined && wanted <= nowMs) this.#begin(summary, value.user);
      }
  }

  #begin(summary: Summary, user: string): void {
    const making = this.#claimAndMake(summary, user)
      .catch((err) => this.#parts.log.warn({ err, summary: summary.name }, "a summary could not be claimed"))
      .finally(() => this.#making.delete(making));
    this.#making.add(making);
  }

  async #claimAndMake(summary: Summary, user: string): Promise<void> {
    const { records, synthesisMs, timeoutMs } = this.#parts;
    let takenOver = false;
    const leaseMs = synthesisMs + 4 * timeoutMs + MARGIN_MS;
    const record = await records.change(summary.name, user, (before) => {
      const nowMs = Date.now();
      const wanted = before && wantedMs(before, paceOf(summary));
      // Another pod may have been quicker.
      if (!before || wanted === undefined || wanted > nowMs) return undefined;
      takenOver = before.claim !== undefined;
      return claimed(before, nowMs, leaseMs);
    });
    if (record) await this.#make(summary, record, takenOver);
  }

  async #make(summary: Summary, { user, cause, claim }: SummaryRecord, anew: boolean): Promise<void> {
    const { records, hub, timeoutMs, synthesisMs, signal, log, counted } = this.#parts;
    const settle = (next: (before: SummaryRecord) => SummaryRecord) =>
      records.change(summary.name, user, (before) => next(before ?? { user }));
    try {
      const made = await makeSummary({ hub, summary, user, anew, timeoutMs, synthesisMs, signal });
      await this.#tell(made.answers, cause);
      counted(made.outcome);
      await settle((before) => settled(before, claim, Date.now()));
      if (made.outcome === "Ended") await records.forget(summary.name, user);
    } catch (error) {
      if (signal.aborted) return void (await settle((before) => released(before, claim)));
      const fault = faultOf(error);
      log.warn({ err: error, summary: summary.name }, "a summary could not be made");
      const later = isPassing(fault) || fault.code === "Conflict";
      counted(later ? "Postponed" : "Failed");
      if (later) return void (await settle((before) => postponed(before, Date.now(), paceOf(summary))));
      await this.#tell([failed({ summary: summary.name, userId: user }, fault)], cause);
      await settle((before) => settled(before, claim, Date.now()));
    }
  }

  async #tell(answers: readonly Answer[], cause: Lineage | undefined): Promise<void> {
    for (const { type, data } of answers) await this.#parts.publish(type, data, cause ? { cause } : {});
  }
}

const isMadeOf = ({ collections }: Summary, collection: string) =>
  collections.some((one) => collection === one || collection.startsWith(`${one}/`));

export const paceOf = ({ debounce, maxDelay, every }: Summary): Pace => ({
  debounceMs: durationMs(debounce),
  maxDelayMs: durationMs(maxDelay),
  everyMs: every === undefined ? undefined : durationMs(every),
});

/** What has to be remembered of an event for what comes of it later. */
export const lineageOf = ({ id, correlationId, userId, hops, partitionKey }: Event): Lineage => ({
  ...{ id, correlationId, hops },
  ...(userId !== undefined && { userId }),
  ...(partitionKey !== undefined && { partitionKey }),
});
