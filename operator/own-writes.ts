import type { KubeObject } from "@vextir/api";
import type { Cluster, Kind } from "./cluster.ts";

/** Writes whose echo has not come yet; the oldest are forgotten, which costs a superfluous run. */
const MAX_REMEMBERED = 5_000;

/**
 * A cluster that knows its own writes again when a watch tells of them: whoever wrote has gone on with the answer already, so their
 * echo is no reason to look again.
 */
export class OwnWrites {
  readonly cluster: Cluster;
  readonly #inner: Cluster;
  readonly #watched = new Set<Kind>();
  /** Version written, by uid. */
  readonly #written = new Map<string, string>();

  constructor(inner: Cluster) {
    this.#inner = inner;
    this.cluster = {
      get: (kind, key) => inner.get(kind, key),
      list: (kind, options) => inner.list(kind, options),
      watch: (kind, changed) => {
        this.#watched.add(kind);
        return inner.watch(kind, changed);
      },
      apply: (kind, object) => this.#remembered(kind, inner.apply(kind, object)),
      applyStatus: (kind, object) => this.#remembered(kind, inner.applyStatus(kind, object)),
      delete: (kind, key, precondition) => inner.delete(kind, key, precondition),
      record: (event) => inner.record(event),
    };
  }

  /** Whether this change is our own write; asked once per change. */
  isEcho({ metadata }: KubeObject): boolean {
    const { uid = "", resourceVersion } = metadata;
    if (this.#written.get(uid) !== resourceVersion) return false;
    this.#written.delete(uid);
    return true;
  }

  async #remembered<T extends KubeObject>(kind: Kind<T>, written: Promise<T>): Promise<T> {
    const object = await written;
    const { uid = "", resourceVersion = "", namespace, name } = object.metadata;
    if (!this.#watched.has(kind)) return object;
    // What is answered from the cache was not written: no echo follows.
    if ((await this.#inner.get(kind, { ...(namespace && { namespace }), name })) === object) return object;
    this.#written.delete(uid);
    this.#written.set(uid, resourceVersion);
    const [oldest] = this.#written.keys();
    if (this.#written.size > MAX_REMEMBERED && oldest !== undefined) this.#written.delete(oldest);
    return object;
  }
}
