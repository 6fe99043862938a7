import { hostname } from "node:os";
import type { Logger } from "pino";
import { ClusterError, type ClusterEvent } from "../cluster.ts";
import { pause, type Timing } from "../timing.ts";
import { EventSeries, type Series } from "./event-series.ts";
import type { KubeApi } from "./kube-api.ts";

export interface EventRecorderOptions {
  api: KubeApi;
  log: Pick<Logger, "debug">;
  timing: Timing;
  /** Default: the host's name, which is the pod's. */
  instance?: string;
}

const REPORTER = "vextir.io/operator";
/** The second occurrence is written at once, further ones are counted and written this often. */
const SERIES_WRITE_MS = 60_000;
const MAX_PENDING = 2_048;
const MAX_FAILURES = 3;
const RETRY_MS = 2_000;

/**
 * Records Kubernetes events as client-go's current recorder does (`events.k8s.io/v1`, a series for repetitions), one request
 * at a time, so that they take nothing from the operator's own work. What can't be written is dropped and counted.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #series: EventSeries;
  readonly #pending = new Set<Series>();
  readonly #stop = new AbortController();
  #sending: Promise<void> | undefined;
  #flush: (() => void) | undefined;
  /** Occurrences that no Event tells of. */
  dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#series = new EventSeries(() => options.timing.now());
  }

  /** Never throws, never waits. */
  record(event: ClusterEvent): void {
    if (this.#stop.signal.aborted) return;
    const series = this.#series.count(event);
    if (!series || this.#pending.size >= MAX_PENDING) {
      this.dropped++;
      return;
    }
    this.#pending.add(series);
    this.#send();
  }

  /** Writes what is due, at most for `graceMs`, and takes no more. */
  async stop(graceMs = 2_000): Promise<void> {
    const cancel = this.#options.timing.after(graceMs, () => this.#stop.abort());
    await this.#sending;
    cancel();
    this.#stop.abort();
    this.#flush?.();
  }

  #send(): void {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
      if (this.#pending.size > 0 && !this.#flush) this.#send();
    });
  }

  /** Writes everything whose time has come; the rest is looked at again in a while. Never rejects. */
  async #drain(): Promise<void> {
    const { timing } = this.#options;
    for (const series of this.#pending) {
      if (this.#stop.signal.aborted) return;
      if (series.nextWriteMs > timing.now()) continue;
      this.#pending.delete(series);
      await this.#write(series);
    }
    if (this.#pending.size === 0 || this.#flush) return;
    this.#flush = timing.after(SERIES_WRITE_MS / 4, () => {
      this.#flush = undefined;
      this.#send();
    });
  }

  async #write(series: Series): Promise<void> {
    const { timing, log } = this.#options;
    const { count } = series;
    try {
      await (series.written === 0 ? this.#create(series) : this.#update(series));
      series.nextWriteMs = series.written === 0 ? 0 : timing.now() + SERIES_WRITE_MS;
      series.written = count;
      series.failures = 0;
      if (series.count > count) this.#pending.add(series);
    } catch (error) {
      if (error instanceof ClusterError && error.code === "Unavailable" && ++series.failures < MAX_FAILURES) {
        this.#pending.add(series);
        await pause(timing, RETRY_MS, this.#stop.signal);
        return;
      }
      // An Event lives for an hour; when it is gone, the next occurrence makes another.
      this.dropped += count - series.written;
      series.written = 0;
      series.failures = 0;
      log.debug({ error, reason: series.event.reason }, "a Kubernetes event was dropped");
    }
  }

  async #create(series: Series): Promise<void> {
    const { about, type, reason, message } = series.event;
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const { apiVersion, kind } = about;
    const { api, instance = hostname() } = this.#options;
    const place = namespace ?? "default";
    const body = {
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: series.name, namespace: place },
      eventTime: micro(series.firstAt),
      type,
      reason: reason.slice(0, 128),
      note: clip(message, 1_024),
      action: "Reconcile",
      reportingController: REPORTER,
      reportingInstance: `${REPORTER.split("/")[1]}-${instance}`.slice(0, 128),
      regarding: { apiVersion, kind, name, namespace, uid, resourceVersion },
      ...(series.count > 1 && { series: seriesOf(series) }),
    };
    await api.call("POST", path(place), { body });
  }

  async #update(series: Series): Promise<void> {
    const place = series.event.about.metadata.namespace ?? "default";
    await this.#options.api.call("PATCH", `${path(place)}/${series.name}`, {
      body: { series: seriesOf(series) },
      contentType: "application/merge-patch+json",
    });
  }
}

const path = (namespace: string) => `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
const seriesOf = ({ count, lastAt }: Series) => ({ count, lastObservedTime: micro(lastAt) });

/** RFC 3339 with microseconds. */
export const micro = (at: Date) => at.toISOString().replace("Z", "000Z");

/** At most `bytes` of UTF-8, characters kept whole. */
function clip(text: string, bytes: number): string {
  const encoded = Buffer.from(text);
  if (encoded.length <= bytes) return text;
  return `${encoded
    .subarray(0, bytes - 3)
    .toString()
    .replace(/�+$/, "")}…`;
}
