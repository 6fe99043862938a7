import { hash } from "node:crypto";
import type { KubeObject } from "@vextir/api";
import type { Logger } from "pino";
import {
  type Applied,
  type Cluster,
  ClusterError,
  type ClusterEvent,
  type Kind,
  type ListOptions,
  type ObjectKey,
} from "../cluster.ts";
import { systemTiming, type Timing } from "../timing.ts";
import { appliesNothing } from "./applied-fields.ts";
import { EventRecorder } from "./event-recorder.ts";
import { KindWatch } from "./kind-watch.ts";
import type { KubeApi, Sent } from "./kube-api.ts";
import { type Entry, isPartial, plain } from "./object-cache.ts";
import { unpack } from "./packed-fields.ts";
import { Reflector, type ReflectorOptions } from "./reflector.ts";
import { describe } from "./resource-path.ts";

export interface KubeClusterOptions {
  api: KubeApi;
  log: Pick<Logger, "debug" | "warn" | "error">;
  /** Asked before each write: false where another replica may lead by now. Default: always true. */
  mayWrite?: () => boolean;
  /** Where namespaced objects are looked for; absent or empty: everywhere. */
  namespaces?: readonly string[];
  timing?: Timing;
  reflector?: Pick<ReflectorOptions, "idleMs" | "backoff" | "pageSize">;
}

/**
 * A cluster behind an API server. Each watched kind has one watch and one cache (in each namespace, where only some are looked at),
 * which all share; objects that come from it
 * must not be changed. `apply` and `applyStatus` of a watched kind send nothing when it would change nothing (not
 * where the kind keeps a part of its objects only).
 */
export class KubeCluster implements Cluster {
  readonly #options: KubeClusterOptions;
  readonly #api: KubeApi;
  readonly #timing: Timing;
  /** By the very kind that was watched: another of the same resource may want other objects, or less of them. */
  readonly #watches = new Map<Kind, KindWatch>();
  readonly #events: EventRecorder;

  constructor(options: KubeClusterOptions) {
    const { api, log, timing = systemTiming } = options;
    this.#options = options;
    this.#api = api;
    this.#timing = timing;
    this.#events = new EventRecorder({ api, log, timing });
  }

  async get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined> {
    const watch = this.#synced(kind, key.namespace);
    if (watch) return kept(watch.get(key)) as T | undefined;
    const sent = await this.#api.get(kind, key);
    return sent && plain(kind, sent);
  }

  async list<T extends KubeObject>(kind: Kind<T>, options: ListOptions = {}): Promise<readonly T[]> {
    const watch = this.#synced(kind, options.namespace);
    if (watch) return watch.list(options) as T[];
    const { labels } = options;
    const found: T[] = [];
    const { metadataOnly } = kind;
    for (const namespace of options.namespace === undefined ? this.#places(kind) : [options.namespace]) {
      for await (const { items } of this.#api.pages(kind, { namespace, labels, metadataOnly })) {
        for (const sent of items) found.push(plain(kind, sent));
      }
    }
    return found;
  }

  async watch<T extends KubeObject>(kind: Kind<T>, changed: (object: T) => void): Promise<void> {
    const watch = this.#watches.get(kind) ?? this.#begin(kind);
    watch.subscribe(changed as (object: KubeObject) => void);
    await watch.synced;
  }

  apply<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T> {
    return this.#apply(kind, object);
  }

  applyStatus<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T> {
    return this.#apply(kind, object, "status");
  }

  async delete(kind: Kind, key: ObjectKey, precondition?: { uid: string }): Promise<void> {
    const watch = this.#synced(kind, key.namespace);
    const known = kept(watch?.get(key));
    // Objects without the kind's labels may be there all the same.
    if (watch && !known && !kind.labels && !kind.keep) return;
    const meant = !precondition || known?.metadata.uid === precondition.uid;
    if (known?.metadata.deletionTimestamp && meant) return;
    this.#mayWrite(`delete ${describe(kind, key)}`);
    try {
      await this.#api.delete(kind, key, precondition);
    } catch (error) {
      // Another object has taken the name: the one that is meant is gone.
      if (precondition && error instanceof ClusterError && error.code === "Conflict") return;
      throw error;
    }
  }

  /** Makes the object unless one of its name is there, and answers what is there then. */
  async createIfAbsent<T extends KubeObject>(
    kind: Kind<T>,
    object: Applied<T>,
  ): Promise<{ object: T; created: boolean }> {
    const { name, namespace } = object.metadata;
    const key = { name, ...(namespace && { namespace }) };
    for (let attempt = 1; ; attempt++) {
      const known = await this.#api.get(kind, key);
      if (known) return { object: plain(kind, known), created: false };
      this.#mayWrite(`create ${describe(kind, key)}`);
      try {
        const sent = await this.#api.create(kind, object);
        this.#written(kind, sent);
        return { object: plain(kind, sent), created: true };
      } catch (error) {
        if (attempt === 3 || !(error instanceof ClusterError) || error.code !== "Conflict") throw error;
      }
    }
  }

  record(event: ClusterEvent): void {
    this.#events.record(event);
  }

  /** What is watched, for health and metrics. */
  caches(): { plural: string; objects: number; synced: boolean; state: string }[] {
    return [...this.#watches].map(([{ plural }, watch]) => {
      return { plural, objects: watch.size, synced: watch.hasSynced(), state: watch.state };
    });
  }

  /** Ends the watches and writes the last events. */
  async close(): Promise<void> {
    await Promise.all([this.#events.stop(), ...[...this.#watches.values()].map((w) => w.stop())]);
    this.#api.close();
  }

  #begin(kind: Kind): KindWatch {
    const { log, reflector: options } = this.#options;
    const common = { api: this.#api, kind, log, timing: this.#timing, ...options };
    const watch = new KindWatch(
      this.#places(kind).map(
        (namespace) => new Reflector({ ...common, ...(namespace !== undefined && { namespace }) }),
      ),
    );
    this.#watches.set(kind, watch);
    watch.start();
    return watch;
  }

  /** Namespaces to be asked one by one; undefined stands for all at once. */
  #places(kind: Kind): readonly (string | undefined)[] {
    const { namespaces = [] } = this.#options;
    return kind.namespaced && namespaces.length > 0 ? namespaces : [undefined];
  }

  #synced(kind: Kind, namespace?: string): KindWatch | undefined {
    const watch = this.#watches.get(kind);
    return watch?.hasSynced(namespace) ? watch : undefined;
  }

  async #apply<T extends KubeObject>(kind: Kind<T>, object: Applied<T>, part?: Subresource): Promise<T> {
    const { name, namespace } = object.metadata;
    const key = { name, ...(namespace && { namespace }) };
    const known = this.#synced(kind, namespace)?.get(key);
    if (known && !isPartial(kind) && changesNothing(known, object, part)) return known.object as T;
    this.#mayWrite(`apply ${describe(kind, key)}`);
    const sent: Sent<T> = await this.#api.apply(kind, object, part);
    const entry = this.#written(kind, sent);
    const isItself = entry?.version === Number(sent.metadata.resourceVersion);
    // The server may write a value in another way, which a comparison would not recognise.
    if (entry && isItself && !isPartial(kind)) {
      const known = part === "status" ? entry.status : entry.main;
      known.settled = fingerprint(object);
    }
    return plain({ ...kind, metadataOnly: false }, sent);
  }

  /** Lets every cache of the resource know; answers the entry of the kind's own. */
  #written(kind: Kind, sent: Sent): Entry | undefined {
    let own: Entry | undefined;
    for (const [watched, watch] of this.#watches) {
      if (watched.plural !== kind.plural || watched.apiVersion !== kind.apiVersion) continue;
      const entry = watch.written(sent);
      if (watched === kind) own = entry;
    }
    return own;
  }

  #mayWrite(what: string): void {
    if (this.#options.mayWrite?.() ?? true) return;
    throw new ClusterError("Unavailable", `${what}: another replica may lead by now, so nothing is written`);
  }
}

type Subresource = "status" | undefined;

const kept = (entry: Entry | undefined) => (entry?.kept ? entry.object : undefined);

/** Compares with what is there, whoever wrote it; after a restart too. */
function changesNothing({ object, main, status }: Entry, desired: object, part: Subresource): boolean {
  const known = part === "status" ? status : main;
  const print = fingerprint(desired);
  if (known.settled === print) return true;
  const wanted = desired as Record<string, unknown>;
  const same = appliesNothing(
    part === "status" ? { status: wanted["status"] } : wanted,
    { ...object },
    known.applied === undefined ? undefined : unpack(known.applied, object),
  );
  if (same) known.settled = print;
  return same;
}

const fingerprint = (value: unknown) => hash("sha256", JSON.stringify(value), "base64").slice(0, 22);
