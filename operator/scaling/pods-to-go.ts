import { BusError } from "../bus/authority.ts";
import type { PodsInHand } from "../bus/pods-in-hand.ts";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import { LABELS } from "../labels.ts";
import { WATCHED } from "../watched-kinds.ts";
import type { Pod } from "../workloads.ts";
import { type Removal, removalOf } from "./scale-down.ts";
import type { ScaledDriver } from "./scaled-driver.ts";

export const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const MAX_TOLD = 10_000;

/** Finds out which pods may go, and has Kubernetes take those first. */
export class PodsToGo {
  readonly #cluster: Cluster;
  readonly #inHand: PodsInHand;
  /** By uid, what was told last; the oldest are forgotten. */
  readonly #told = new Map<string, number>();

  constructor(cluster: Cluster, inHand: PodsInHand) {
    this.#cluster = cluster;
    this.#inHand = inHand;
  }

  /**
   * Down from `from` to `to`: as far as pods may go.
   * @throws ClusterError
   */
  async fewest(driver: ScaledDriver, inFlight: number, from: number, to: number): Promise<number> {
    const { namespace, name, graceMs } = driver;
    const pods = await this.#cluster.list(WATCHED.Pod, { namespace, labels: { [LABELS.driver]: name } });
    const alive = pods.filter(({ metadata }) => !metadata.deletionTimestamp);
    if (alive.length === 0) return to;
    const removal = removalOf(alive, await this.#ask(driver, alive.length), { inFlight, graceMs });
    // Pods that are not there yet may go too.
    const absent = Math.max(0, from - alive.length);
    const fewest = Math.max(to, from - absent - removal.removable);
    if (fewest > 0 && fewest < from) await this.#tell(alive, removal);
    return fewest;
  }

  /** Who can't be asked does not answer. */
  async #ask(driver: ScaledDriver, expected: number) {
    try {
      return await this.#inHand.ask(driver, expected);
    } catch (error) {
      if (error instanceof BusError) return new Map<string, never>();
      throw error;
    }
  }

  /** Where all cost the same there is nothing to tell, unless something was told before. */
  async #tell(pods: readonly Pod[], { costs }: Removal): Promise<void> {
    if (
      new Set(costs.values()).size <= 1 &&
      pods.every(({ metadata }) => !this.#told.has(metadata.uid ?? ""))
    )
      return;
    await Promise.all(
      pods.map(async ({ metadata: { name, namespace, uid = "" } }) => {
        const cost = costs.get(name) ?? 0;
        if ((this.#told.get(uid) ?? 0) === cost) return;
        await this.#cluster.apply(KINDS.Pod, {
          apiVersion: "v1",
          kind: "Pod",
          metadata: {
            name,
            ...(namespace && { namespace }),
            uid,
            annotations: { [DELETION_COST]: String(cost) },
          },
        });
        this.#remember(uid, cost);
      }),
    );
  }

  #remember(uid: string, cost: number): void {
    this.#told.delete(uid);
    this.#told.set(uid, cost);
    const [oldest] = this.#told.keys();
    if (this.#told.size > MAX_TOLD && oldest !== undefined) this.#told.delete(oldest);
  }
}
