import { randomUUID } from "node:crypto";
import { HANDLINGS_TYPE, type Handling, MAX_HANDLING_ERROR, MAX_HANDLINGS, subjects } from "@vextir/api";
import type { Logger } from "pino";
import { messageHeaders } from "../bus/message-headers.ts";
import { MESSAGE_ID, type Store } from "../bus/store.ts";
import { DriverError } from "../errors.ts";
import { encodeEvent } from "../events/envelope.ts";
import type { Event } from "../events/event.ts";
import { rootOf } from "../events/lineage.ts";
import type { RuntimeMetrics } from "../observability/runtime-metrics.ts";
import type { Outcome } from "./handling.ts";

export interface HandlingReportsParts {
  driver: string;
  namespace: string;
  /** Largest message that the bus takes. */
  maxBytes: number;
  store: Pick<Store, "put">;
  metrics: Pick<RuntimeMetrics, "handlingsDropped">;
  log: Logger;
}

export interface Handled {
  event: Event;
  subscription: string;
  attempt: number;
  /** Milliseconds since the epoch. */
  beganMs: number;
  tookMs: number;
  outcome: Outcome;
  reason?: string;
  error?: string;
}

/** Handlings wait this long for others, so that a busy driver tells of many in one message. */
const GATHER_MS = 250;
/** Beyond these the bus is too slow or away: what comes is dropped and counted. A handler never waits. */
const MAX_WAITING = 8_192;
/** Of the largest message, for headers. */
const HEADER_BYTES = 16_384;

/** Tells the stream HANDLINGS what became of each event in hand: in batches, behind the handlers' backs, as well as it goes. */
export class HandlingReports {
  readonly #parts: HandlingReportsParts;
  readonly #waiting: Handling[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #told = false;

  constructor(parts: HandlingReportsParts) {
    this.#parts = parts;
  }

  /** Never throws and never waits. */
  add(handled: Handled): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#parts.metrics.handlingsDropped.inc();
      return;
    }
    this.#waiting.push(toHandling(handled));
    if (this.#waiting.length >= MAX_HANDLINGS) this.#send();
    else
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#send();
      }, GATHER_MS).unref();
  }

  /** Sends what waits, for `timeoutMs` at most. */
  async close(timeoutMs: number): Promise<void> {
    clearTimeout(this.#timer);
    this.#send();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.#sending, late]);
    clearTimeout(timer);
  }

  #send(): void {
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
    });
  }

  /** Never rejects. */
  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#put(batch);
        this.#told = false;
      } catch (error) {
        this.#parts.metrics.handlingsDropped.inc(batch.length);
        if (!this.#told)
          this.#parts.log.warn(
            { err: error, handlings: batch.length },
            "the ledger is not told of handlings",
          );
        this.#told = true;
      }
    }
  }

  #nextBatch(): Handling[] {
    const room = Math.max(1, this.#parts.maxBytes - HEADER_BYTES);
    const batch: Handling[] = [];
    for (let bytes = 0; this.#waiting.length > 0 && batch.length < MAX_HANDLINGS; ) {
      bytes += bytesOf(this.#waiting[0] as Handling);
      if (bytes > room && batch.length > 0) break;
      batch.push(this.#waiting.shift() as Handling);
    }
    return batch;
  }

  async #put(handlings: Handling[]): Promise<void> {
    const { driver, namespace, store } = this.#parts;
    const event = encodeEvent(HANDLINGS_TYPE, { handlings }, {}, `/${namespace}/${driver}`);
    await store.put({
      subject: subjects.handling(driver, `0.${HANDLINGS_TYPE}`),
      payload: event.payload,
      headers: messageHeaders({ ...event.headers, [MESSAGE_ID]: randomUUID() }),
      what: "handlings",
      refused: () => new DriverError("NotGranted", "the bus takes no handlings from this driver"),
    });
  }
}

/** At most: JSON writes a character as six bytes or fewer. */
const bytesOf = ({ id, source, type, error = "", reason = "" }: Handling) =>
  1_024 + 6 * (id.length + source.length + type.length + error.length + reason.length);

function toHandling({ event, beganMs, tookMs, ...rest }: Handled): Handling {
  const { id, source, publisher, type, sequence, replay } = event;
  const root = rootOf(event);
  const { error, reason, ...told } = rest;
  return {
    id,
    source,
    publisher,
    type,
    sequence,
    ...(root !== undefined && { root }),
    ...told,
    at: new Date(beganMs).toISOString(),
    durationMs: Math.round(tookMs * 1e3) / 1e3,
    ...(replay && { replay: replay.id }),
    ...(reason !== undefined && { reason }),
    ...(error !== undefined && { error: error.slice(0, MAX_HANDLING_ERROR) }),
  };
}
