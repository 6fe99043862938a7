import type { Driver, KubeObject } from "@vextir/api";
import type { Cluster } from "../cluster.ts";
import type { ConfigMap } from "../kinds.ts";
import { LABELS } from "../labels.ts";
import { WATCHED } from "../watched-kinds.ts";
import type { Deployment, Pod } from "../workloads.ts";
import { CHILD_KINDS } from "./children/children.ts";

/** What is there of a Driver, by its label; not all of it need be its own. */
export class Observed {
  readonly pods: readonly Pod[];
  readonly #children: ReadonlyMap<string, readonly KubeObject[]>;

  private constructor(children: ReadonlyMap<string, readonly KubeObject[]>, pods: readonly Pod[]) {
    this.#children = children;
    this.pods = pods;
  }

  static async of(cluster: Cluster, driver: Driver): Promise<Observed> {
    const { namespace, name } = driver.metadata;
    const options = { ...(namespace && { namespace }), labels: { [LABELS.driver]: name } };
    const [pods, ...lists] = await Promise.all([
      cluster.list(WATCHED.Pod, options),
      ...CHILD_KINDS.map((kind) => cluster.list(kind, options)),
    ]);
    return new Observed(new Map(CHILD_KINDS.map((kind, index) => [kind.plural, lists[index] ?? []])), pods);
  }

  list(kind: { plural: string }): readonly KubeObject[] {
    return this.#children.get(kind.plural) ?? [];
  }

  find(kind: { plural: string }, name: string): KubeObject | undefined {
    return this.list(kind).find((object) => object.metadata.name === name);
  }

  deployment(driver: Driver): Deployment | undefined {
    const found = this.find(WATCHED.Deployment, driver.metadata.name);
    return found && isOwn(found, driver) ? (found as Deployment) : undefined;
  }

  configMaps(driver: Driver): readonly ConfigMap[] {
    return this.list(WATCHED.ConfigMap).filter((object) => isOwn(object, driver)) as readonly ConfigMap[];
  }
}

/** Whether this very Driver controls the object, not a namesake before it. */
export const isOwn = (object: KubeObject, driver: Driver) =>
  object.metadata.ownerReferences?.some((owner) => owner.uid === driver.metadata.uid) ?? false;

/** Whether a Driver of the same name, made and deleted earlier, left it. */
export const isLeftOver = (object: KubeObject, driver: Driver) =>
  object.metadata.ownerReferences?.some(
    (owner) =>
      owner.kind === "Driver" && owner.name === driver.metadata.name && owner.uid !== driver.metadata.uid,
  ) ?? false;
