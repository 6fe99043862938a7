import type { KubeObject } from "@vextir/api";
import type { Logger } from "pino";
import { type Backoff, backoffMs } from "../backoff.ts";
import { ClusterError, type Kind } from "../cluster.ts";
import { pause, type Timing } from "../timing.ts";
import { apiError, GoneError, statusOf, UnreachableError } from "./api-error.ts";
import { JsonLines } from "./json-lines.ts";
import type { KubeApi, Selection, Sent } from "./kube-api.ts";
import { carries, type Entry, entryOf, ObjectCache } from "./object-cache.ts";
import { Silence } from "./silence.ts";

export interface ReflectorOptions {
  api: KubeApi;
  /** With its `labels`, `metadataOnly` and `keep`. */
  kind: Kind;
  /** Default: all of them. */
  namespace?: string;
  log: Pick<Logger, "debug" | "warn" | "error">;
  timing: Timing;
  random?: () => number;
  /** A watch that sends nothing for this long is given up. The server sends a bookmark a minute. Default 90,000. */
  idleMs?: number;
  /** Between attempts to list or watch. Default 250 ms to 10 s. */
  backoff?: Backoff;
  /** Objects per page of a listing. Default 100. */
  pageSize?: number;
}

export type ReflectorState =
  /** Reads everything, in pages. */
  | "listing"
  /** Follows the changes. */
  | "watching"
  /** Until the next attempt. */
  | "waiting"
  | "stopped";

interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";
  object: Sent;
}

const MAX_LINE_BYTES = 16 * 2 ** 20;
const WATCH_SECONDS = 290;
/** A watch that is refused again and again may have a resourceVersion that is unknown to the server: a backup was restored. */
const REFUSALS_BEFORE_LISTING = 4;

/**
 * Keeps a cache of one kind like what the API server has:
 *
 *     listing -> watching -> watching (ended by the server) | listing (410 Gone) | waiting (broken, silent, refused)
 *     waiting -> watching | listing (after several failures)
 */
export class Reflector {
  readonly cache = new ObjectCache();
  /** Resolves after the first listing; rejects when stopped before. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions;
  readonly #handlers = new Set<(object: KubeObject) => void>();
  readonly #stop = new AbortController();
  readonly #selection: Selection;
  #state: ReflectorState = "waiting";
  #running: Promise<void> | undefined;
  #settle: { resolve: () => void; reject: (error: Error) => void };
  /** Everything up to here is in the cache; undefined: list. */
  #version: number | undefined;
  #hasSynced = false;
  /** Listings that were begun. */
  #listings = 0;
  /** In a row: of any sort, and those that the server itself answered. */
  #failures = 0;
  #refusals = 0;
  #wasGone = false;

  constructor(options: ReflectorOptions) {
    this.#options = options;
    const { labels, metadataOnly } = options.kind;
    this.#selection = { labels, metadataOnly, namespace: options.namespace };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#settle = { resolve, reject };
    promise.catch(() => {});
  }

  get namespace(): string | undefined {
    return this.#options.namespace;
  }

  get state(): ReflectorState {
    return this.#state;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  start(): void {
    this.#running ??= this.#run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const { plural } = this.#options.kind;
    this.#settle.reject(new ClusterError("Unavailable", `the watch of ${plural} was stopped`));
    await this.#running;
    this.#state = "stopped";
  }

  /** Calls `handler` for every object that is there, and after each change or deletion. */
  subscribe(handler: (object: KubeObject) => void): void {
    this.#handlers.add(handler);
    for (const { object } of this.cache.entries()) this.#tell(handler, object);
  }

  /**
   * Takes what a write of our own answered, ahead of its event, so that the next run sees it. What is older than the events
   * that were seen is left alone: the object may be gone since. Answers the entry that is now in the cache.
   */
  written(sent: Sent): Entry | undefined {
    const { kind } = this.#options;
    const entry = entryOf(kind, sent);
    const known = this.cache.get(entry.object.metadata);
    if (known && known.version >= entry.version) return known;
    const belongs = !kind.labels || carries(sent, kind.labels);
    if (!belongs || entry.version <= (this.#version ?? 0)) return undefined;
    entry.writtenIn = this.#listings;
    this.cache.put(entry);
    return entry;
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        await this.#follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(error, signal);
      }
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { log, kind, timing, random, backoff = { baseMs: 250, maxMs: 10_000 } } = this.#options;
    this.#failures++;
    if (!(error instanceof UnreachableError)) this.#refusals++;
    const isGone = error instanceof GoneError;
    const isFirst = isGone && !this.#wasGone;
    this.#wasGone = isGone;
    if (isGone || this.#refusals >= REFUSALS_BEFORE_LISTING) {
      this.#version = undefined;
      this.#refusals = 0;
    }
    if (isFirst) {
      log.debug({ kind: kind.kind, error }, "watch is too old; listing anew");
      return;
    }
    const retryMs = Math.round(backoffMs(this.#failures, backoff, random));
    const level = this.#failures > 1 ? "warn" : "debug";
    log[level]({ kind: kind.kind, error, failures: this.#failures, retryMs }, "watch failed; trying again");
    this.#state = "waiting";
    await pause(timing, retryMs, signal);
  }

  async #list(): Promise<void> {
    this.#state = "listing";
    const { api, kind, pageSize } = this.#options;
    this.#listings++;
    const listed = new Map<string, Entry>();
    let version = 0;
    for await (const page of api.pages(kind, this.#selection, pageSize)) {
      version ||= Number(page.resourceVersion);
      for (const sent of page.items) {
        const entry = entryOf(kind, sent);
        listed.set(keyOf(entry.object), entry);
      }
    }
    const changed = this.#replace(listed, version);
    this.#hasSynced = true;
    this.#version = version;
    this.#settle.resolve();
    for (const object of changed) this.#changed(object);
  }

  /** Makes the cache like the listing. Answers what differs, with the last known state of what is gone. */
  #replace(listed: ReadonlyMap<string, Entry>, version: number): KubeObject[] {
    const changed: KubeObject[] = [];
    const newer = (entry: Entry) => entry.writtenIn === this.#listings && entry.version > version;
    for (const known of [...this.cache.entries()]) {
      if (listed.has(keyOf(known.object)) || newer(known)) continue;
      this.cache.remove(known.object.metadata);
      changed.push(known.object);
    }
    for (const entry of listed.values()) {
      const known = this.cache.get(entry.object.metadata);
      if (known && (known.version === entry.version || newer(known))) continue;
      this.cache.put(entry);
      changed.push(entry.object);
    }
    return changed;
  }

  /** Resolves when the server ends the watch at its time. */
  async #follow(signal: AbortSignal): Promise<void> {
    const { api, kind, timing, random = Math.random, idleMs = 90_000 } = this.#options;
    const began = timing.now();
    const response = await api.watch(kind, {
      ...this.#selection,
      resourceVersion: String(this.#version),
      timeoutSeconds: Math.round(WATCH_SECONDS * (1 + random())),
      signal,
    });
    this.#state = "watching";
    let heard = false;
    const lines = new JsonLines(MAX_LINE_BYTES, (value) => this.#event(value as WatchEvent));
    const silence = new Silence(timing, idleMs, () =>
      response.destroy(new Error(`the watch of ${kind.plural} was silent for ${idleMs} ms`)),
    );
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        silence.broken();
        lines.push(chunk);
        heard = true;
        this.#failures = 0;
        this.#refusals = 0;
        this.#wasGone = false;
      }
    } finally {
      silence.stop();
      response.destroy();
    }
    if (!heard && timing.now() - began < 1_000) {
      throw new ClusterError("Unavailable", `the watch of ${kind.plural} ended as soon as it began`);
    }
  }

  #event({ type, object }: WatchEvent): void {
    if (type === "ERROR") {
      throw apiError(`watch ${this.#options.kind.plural}`, statusOf(object).code ?? 500, object);
    }
    const version = Number(object.metadata.resourceVersion);
    this.#version = version;
    if (type === "BOOKMARK") return;
    const known = this.cache.get(object.metadata);
    if (known && (known.version > version || (known.version === version && type !== "DELETED"))) {
      // A write of our own brought it here before.
      this.#changed(known.object);
      return;
    }
    const entry = entryOf(this.#options.kind, object);
    if (type === "DELETED") this.cache.remove(entry.object.metadata);
    else this.cache.put(entry);
    this.#changed(entry.object);
  }

  #changed(object: KubeObject): void {
    for (const handler of this.#handlers) this.#tell(handler, object);
  }

  /** One handler's failure keeps no change from another. */
  #tell(handler: (object: KubeObject) => void, object: KubeObject): void {
    try {
      handler(object);
    } catch (error) {
      const { kind, log } = this.#options;
      log.error({ kind: kind.kind, object: keyOf(object), error }, "a handler of changes failed");
    }
  }
}

const keyOf = ({ metadata }: KubeObject) => `${metadata.namespace ?? ""}/${metadata.name}`;
