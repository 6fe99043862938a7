import type { Cluster } from "../cluster.ts";
import { WATCHED } from "../watched-kinds.ts";
import { type DriverGrants, grantsOf } from "./grants.ts";

/** What every Driver may reach, as its object says now. */
export class GrantIndex {
  readonly #cluster: Cluster;
  readonly #changed: (driver: string) => void;
  readonly #grants = new Map<string, DriverGrants>();

  private constructor(cluster: Cluster, changed: (driver: string) => void) {
    this.#cluster = cluster;
    this.#changed = changed;
  }

  /** Resolves when all Drivers there are have been seen; `changed` is told of each whose grants are others, as `<namespace>/<name>`. */
  static async follow(cluster: Cluster, changed: (driver: string) => void): Promise<GrantIndex> {
    const index = new GrantIndex(cluster, changed);
    await cluster.watch(WATCHED.DriverGrants, ({ metadata }) => {
      void index.#look(metadata.namespace ?? "", metadata.name);
    });
    for (const { metadata } of await cluster.list(WATCHED.DriverGrants))
      await index.#look(metadata.namespace ?? "", metadata.name);
    return index;
  }

  /** `driver`: `<namespace>/<name>`. */
  find(driver: string): DriverGrants | undefined {
    return this.#grants.get(driver);
  }

  /** The signal says that something changed; what is there now, the cache knows. */
  async #look(namespace: string, name: string): Promise<void> {
    const key = `${namespace}/${name}`;
    const driver = await this.#cluster.get(WATCHED.DriverGrants, { namespace, name });
    const before = this.#grants.get(key);
    const now = grantsOf(driver, before);
    if (now) this.#grants.set(key, now);
    else this.#grants.delete(key);
    const same = before?.uid === now?.uid && before?.entries.join() === now?.entries.join();
    if (!same) this.#changed(key);
  }
}
