import { hash } from "node:crypto";
import type { ClusterEvent } from "../cluster.ts";

/** One Kubernetes event and its repetitions. */
export interface Series {
  readonly key: string;
  readonly event: ClusterEvent;
  /** Name of the Event object. */
  readonly name: string;
  count: number;
  firstAt: Date;
  lastAt: Date;
  /** Occurrences that the API server knows of; 0: the Event is not made yet. */
  written: number;
  /** Monotonic: no further write before. */
  nextWriteMs: number;
  failures: number;
}

/** client-go's numbers: a series ends after 6 minutes of silence; an object may start 25 at once and one every 5 minutes. */
const SERIES_ENDS_MS = 360_000;
const BURST = 25;
const REFILL_MS = 300_000;
const MAX_SERIES = 4_096;

/** Counts repetitions of an event, and stops objects that produce ever new ones. Bounded. */
export class EventSeries {
  readonly #now: () => number;
  /** In the order of their last occurrence. */
  readonly #series = new Map<string, Series & { seenMs: number }>();
  readonly #allowances = new Map<string, { left: number; atMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The series that the event belongs to; undefined when its object has produced too many. */
  count(event: ClusterEvent): Series | undefined {
    const key = keyOf(event);
    const now = this.#now();
    const known = this.#series.get(key);
    this.#series.delete(key);
    if (known && now - known.seenMs < SERIES_ENDS_MS) {
      known.count++;
      known.lastAt = new Date();
      known.seenMs = now;
      this.#series.set(key, known);
      return known;
    }
    if (!this.#allowed(event, now)) return undefined;
    const at = new Date();
    const name = `${event.about.metadata.name.slice(0, 200)}.${at.getTime().toString(16)}${key.slice(0, 8)}`;
    const series = {
      key,
      event,
      name,
      count: 1,
      firstAt: at,
      lastAt: at,
      written: 0,
      nextWriteMs: 0,
      failures: 0,
    };
    this.#series.set(key, { ...series, seenMs: now });
    trim(this.#series, MAX_SERIES);
    return this.#series.get(key);
  }

  #allowed({ about }: ClusterEvent, now: number): boolean {
    const id = about.metadata.uid ?? `${about.kind}/${about.metadata.namespace}/${about.metadata.name}`;
    const { left, atMs } = this.#allowances.get(id) ?? { left: BURST, atMs: now };
    const tokens = Math.min(BURST, left + (now - atMs) / REFILL_MS);
    this.#allowances.delete(id);
    this.#allowances.set(id, { left: Math.max(0, tokens - 1), atMs: now });
    trim(this.#allowances, MAX_SERIES);
    return tokens >= 1;
  }
}

function keyOf({ about, type, reason, message }: ClusterEvent): string {
  const { namespace, name, uid } = about.metadata;
  const parts = [about.apiVersion, about.kind, namespace, name, uid, type, reason, message];
  return hash("sha256", JSON.stringify(parts), "hex").slice(0, 32);
}

function trim(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
