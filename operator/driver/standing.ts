import type { Driver } from "@vextir/api";
import type { BusAuthority } from "../bus/authority.ts";
import type { Cluster } from "../cluster.ts";
import { ADMITTED_ANNOTATION, LABELS } from "../labels.ts";
import { type BusOutcome, outcomeOf } from "./bus-access.ts";
import type { Observed } from "./observed.ts";
import { deleteAll } from "./rollout.ts";

/** The policies that a Driver is under, by their hash. */
export type GovernedBy = string;

/**
 * Sees to it that under policies nothing stands that they have not admitted. A spec that is refused for another reason, or
 * can't be carried out, leaves what stood before; that may be more than policies allow that came or changed since.
 */
export class Standing {
  readonly #cluster: Cluster;
  readonly #bus: BusAuthority;
  /** By the Driver's uid: the policies under which it was given what it has on the bus. */
  readonly #admittedBy = new Map<string, GovernedBy>();

  constructor({ cluster, bus }: { cluster: Cluster; bus: BusAuthority }) {
    this.#cluster = cluster;
    this.#bus = bus;
  }

  /** Where grants can't be carried out, the account goes, unless its grants are known to be admitted. */
  async holdAccess({ metadata }: Driver, governedBy: GovernedBy, access: BusOutcome): Promise<BusOutcome> {
    const { name, namespace = "", uid = "" } = metadata;
    if (access.state === "ready") this.#admittedBy.set(uid, governedBy);
    // Nothing can be done before it is back.
    if (access.state === "ready" || access.state === "unavailable") return access;
    if (this.#admittedBy.get(uid) === governedBy) return access;
    const outcome = await outcomeOf(() => this.#bus.removeDriverAccount({ namespace, name, uid }));
    if (outcome.state !== "ready") return outcome;
    const message = `${access.message}; what was granted before may be more than the policies allow, so the account on the bus is deleted until then`;
    return { ...access, message };
  }

  /** @returns whether pods were taken away; `template`: hash of what is admitted now, if it can run at all. */
  async holdPods(
    driver: Driver,
    governedBy: GovernedBy,
    template: string | undefined,
    observed: Observed,
  ): Promise<boolean> {
    const deployment = observed.deployment(driver);
    const { annotations = {}, labels = {} } = deployment?.metadata ?? {};
    if (!deployment || annotations[ADMITTED_ANNOTATION] === governedBy) return false;
    if (template !== undefined && labels[LABELS.template] === template) return false;
    await deleteAll(this.#cluster, [deployment]);
    return true;
  }

  forget(uid: string): void {
    this.#admittedBy.delete(uid);
  }
}
