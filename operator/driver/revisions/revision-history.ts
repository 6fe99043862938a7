import type { Driver, DriverSpec } from "@vextir/api";
import { type Cluster, ClusterError, type ObjectKey } from "../../cluster.ts";
import { KINDS } from "../../kinds.ts";
import { LABELS } from "../../labels.ts";
import {
  CAUSE_ANNOTATION,
  isSameRevision,
  type Revision,
  revisedSpec,
  revisionName,
  revisionObject,
  revisionsOf,
} from "./revision.ts";

interface Known {
  uid: string;
  /** Of the Driver, when it was looked at last. */
  generation: number;
  limit: number;
  name: string;
}

/**
 * Keeps what ran with every pod ready, to go back to: a ControllerRevision each, owned by the Driver. They are not cached, since
 * they are read when another version has proven itself, and by people.
 */
export class RevisionHistory {
  readonly #cluster: Cluster;
  /** By `<namespace>/<driver>`. */
  readonly #known = new Map<string, Known>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /**
   * The spec runs. @returns the name of its revision, which is the newest from now on; undefined: it could not be kept, which is told
   * as a Kubernetes event. @throws ClusterError `Conflict`, `Unavailable`
   */
  async ran(driver: Driver, spec: DriverSpec): Promise<string | undefined> {
    const { uid = "", generation = 0 } = driver.metadata;
    const key = keyOf(driver.metadata);
    const before = this.#known.get(key);
    if (before?.uid === uid && before.generation === generation) return before.name;
    const limit = spec.revisionHistoryLimit;
    const wanted = revisionName(driver, revisedSpec(spec));
    // After a restart nothing is known but what the status says, which was written after the revision was.
    const last = before?.uid === uid ? before : { limit, name: driver.status?.currentRevision };
    const isKept = last.name === wanted && last.limit === limit;
    const name = isKept ? wanted : await this.#keep(driver, spec);
    if (name !== undefined) this.#known.set(key, { uid, generation, limit, name });
    return name;
  }

  forget(key: ObjectKey): void {
    this.#known.delete(keyOf(key));
  }

  async #keep(driver: Driver, spec: DriverSpec): Promise<string | undefined> {
    try {
      const there = await this.#list(driver);
      const { newest, changed } = newestRevision(driver, spec, there);
      if (changed) await this.#cluster.apply(KINDS.ControllerRevision, revisionObject(driver, newest));
      const others = there.filter(({ name }) => name !== newest.name).reverse();
      await Promise.all(
        others.slice(spec.revisionHistoryLimit).map(({ name }) => this.#delete(driver, name)),
      );
      return newest.name;
    } catch (error) {
      if (!(error instanceof ClusterError) || (error.code !== "Forbidden" && error.code !== "Invalid"))
        throw error;
      const message = `what runs could not be kept to go back to: ${error.message}`;
      this.#cluster.record({ about: driver, type: "Warning", reason: "RevisionNotKept", message });
      return undefined;
    }
  }

  async #list(driver: Driver): Promise<Revision[]> {
    const { namespace, name } = driver.metadata;
    const options = { ...(namespace && { namespace }), labels: { [LABELS.driver]: name } };
    return revisionsOf(driver, await this.#cluster.list(KINDS.ControllerRevision, options));
  }

  #delete({ metadata: { namespace } }: Driver, name: string): Promise<void> {
    return this.#cluster.delete(KINDS.ControllerRevision, { ...(namespace && { namespace }), name });
  }
}

/** The revision of what runs now, and whether it has to be written: it is new, or was not the newest. */
function newestRevision(
  driver: Driver,
  spec: DriverSpec,
  there: readonly Revision[],
): { newest: Omit<Revision, "createdAt">; changed: boolean } {
  const runs = revisedSpec(spec);
  const last = there.at(-1);
  // By what it says: another release may know more defaults, which makes another name of it.
  const same = there.findLast((revision) => isSameRevision(revision.spec, runs));
  if (same && same === last) return { newest: same, changed: false };
  const number = (last?.number ?? 0) + 1;
  const cause = driver.metadata.annotations?.[CAUSE_ANNOTATION];
  const { name, spec: kept } = same ?? { name: revisionName(driver, runs), spec: runs };
  return { newest: { name, number, spec: kept, ...(cause !== undefined && { cause }) }, changed: true };
}

const keyOf = ({ namespace, name }: ObjectKey) => `${namespace ?? ""}/${name}`;
