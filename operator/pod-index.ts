import { RecentSet } from "./bus/recent-set.ts";
import type { Cluster } from "./cluster.ts";
import type { PodIndex } from "./cluster-tokens.ts";
import { followNow } from "./driver-index.ts";
import { WATCHED } from "./watched-kinds.ts";

/** More than go within the ten minutes of a token; of those that are forgotten the API server knows. */
const GONE = 20_000;

/** The drivers' pods of all namespaces by uid: a token is of no use once its pod is gone. */
export class WatchedPods implements PodIndex {
  /** Uid by `<namespace>/<name>`. */
  readonly #names = new Map<string, string>();
  readonly #present = new Set<string>();
  readonly #gone = new RecentSet(GONE);

  /** Resolves when all that there are have been seen. */
  follow(cluster: Cluster): Promise<void> {
    return followNow(cluster, WATCHED.PodName, (key, metadata) => this.#set(key, metadata?.uid));
  }

  stateOf(podUid: string): "present" | "gone" | "unknown" {
    if (this.#present.has(podUid)) return "present";
    return this.#gone.has(podUid) ? "gone" : "unknown";
  }

  #set(key: string, uid: string | undefined): void {
    const before = this.#names.get(key);
    if (before === uid) return;
    if (before !== undefined) {
      this.#present.delete(before);
      this.#gone.add(before);
    }
    if (uid === undefined) this.#names.delete(key);
    else {
      this.#names.set(key, uid);
      this.#present.add(uid);
    }
  }
}
