import type { KubeObject } from "@vextir/api";
import type { ListOptions, ObjectKey } from "../cluster.ts";
import type { Sent } from "./kube-api.ts";
import type { Entry } from "./object-cache.ts";
import type { Reflector } from "./reflector.ts";

/** Everything of a kind that is watched: by one watch of all namespaces, or by one in each of those that are meant. */
export class KindWatch {
  readonly #reflectors: readonly Reflector[];
  readonly #byNamespace: ReadonlyMap<string, Reflector> | undefined;
  /** Resolves after the first listings; rejects when stopped before. */
  readonly synced: Promise<void>;

  /** Reflectors with a `namespace` each, or one without. */
  constructor(reflectors: readonly Reflector[]) {
    this.#reflectors = reflectors;
    const named = reflectors.flatMap((one) =>
      one.namespace === undefined ? [] : [[one.namespace, one] as const],
    );
    this.#byNamespace = named.length > 0 ? new Map(named) : undefined;
    this.synced = Promise.all(reflectors.map((one) => one.synced)).then(() => {});
    this.synced.catch(() => {});
  }

  /** Of one namespace, or of all that are watched. */
  hasSynced(namespace?: string): boolean {
    return this.#in(namespace).every((one) => one.hasSynced);
  }

  get size(): number {
    return this.#reflectors.reduce((sum, one) => sum + one.cache.size, 0);
  }

  /** Of the first one that does not follow the changes; `watching` when all do. */
  get state(): Reflector["state"] {
    return this.#reflectors.find((one) => one.state !== "watching")?.state ?? "watching";
  }

  start(): void {
    for (const one of this.#reflectors) one.start();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((one) => one.stop()));
  }

  subscribe(handler: (object: KubeObject) => void): void {
    for (const one of this.#reflectors) one.subscribe(handler);
  }

  get(key: ObjectKey): Entry | undefined {
    return this.#in(key.namespace)[0]?.cache.get(key);
  }

  list(options: ListOptions): KubeObject[] {
    return this.#in(options.namespace).flatMap((one) => one.cache.list(options));
  }

  /** As `Reflector.written`; what is written elsewhere is nothing to it. */
  written(sent: Sent): Entry | undefined {
    return this.#in(sent.metadata.namespace)[0]?.written(sent);
  }

  #in(namespace: string | undefined): readonly Reflector[] {
    if (namespace === undefined || !this.#byNamespace) return this.#reflectors;
    const one = this.#byNamespace.get(namespace);
    return one ? [one] : [];
  }
}
