import { type Condition, canonicalJson, type KubeObject } from "@vextir/api";
import { type Applied, type Cluster, ClusterError, type Kind } from "./cluster.ts";
import { transitions } from "./conditions.ts";

interface WithStatus extends KubeObject {
  status?: { conditions?: Condition[] };
}

/** Written statuses that are remembered until the cache has caught up; the oldest are forgotten. */
const MAX_REMEMBERED = 1_000;

/** Writes statuses that differ from what is there, and records what changed in them as Kubernetes events. */
export class StatusWriter {
  readonly #cluster: Cluster;
  /** By uid: a status that the cache may not have seen yet. */
  readonly #written = new Map<string, KubeObject>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The object's status, as last written when the object came from a cache that has not seen it yet. */
  latest<T extends WithStatus>(object: T): T["status"] {
    const { uid = "", resourceVersion } = object.metadata;
    const written = this.#written.get(uid) as T | undefined;
    if (written && isOlder(resourceVersion, written.metadata.resourceVersion)) return statusOf(written);
    this.#written.delete(uid);
    return statusOf(object);
  }

  /** An object that is gone, or made again under its name, needs no status. */
  async write<T extends WithStatus>(
    kind: Kind<T>,
    object: T,
    status: NonNullable<T["status"]>,
  ): Promise<void> {
    const before = this.latest(object);
    if (canonicalJson(comparable(before)) === canonicalJson(comparable(status))) return;
    const { name, namespace, uid } = object.metadata;
    const metadata = { name, ...(namespace && { namespace }), ...(uid && { uid }) };
    const wanted = {
      apiVersion: kind.apiVersion,
      kind: kind.kind,
      metadata,
      status,
    } as unknown as Applied<T>;
    try {
      this.#remember(await this.#cluster.applyStatus(kind, wanted));
    } catch (error) {
      if (error instanceof ClusterError && error.code === "NotFound") return;
      throw error;
    }
    for (const change of transitions(before?.conditions ?? [], status.conditions ?? []))
      this.#record(object, change);
  }

  #remember(object: KubeObject): void {
    this.#written.set(object.metadata.uid ?? "", object);
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= MAX_REMEMBERED) return;
      this.#written.delete(oldest);
    }
  }

  /** What is merely not known yet, or under way, is no event. */
  #record(about: KubeObject, { type, status, reason, message }: Condition): void {
    if (status === "Unknown" || reason === "Progressing" || type === "Active") return;
    if (status === "True" && type !== "Ready") return;
    if (status === "False" && type === "Ready") return;
    const kind = status === "True" ? "Normal" : "Warning";
    this.#cluster.record({ about, type: kind, reason, message: `${type}: ${message}` });
  }
}

/** Resource versions are numbers that can be compared (KEP-5504). */
function isOlder(version: string | undefined, than: string | undefined): boolean {
  if (!version || !than) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}

const statusOf = <T extends WithStatus>(object: T) => object.status as T["status"];

/** Without what says nothing new by itself: the order of members is no difference. */
function comparable(status: WithStatus["status"]): unknown {
  if (!status?.conditions) return status ?? {};
  const sorted = [...status.conditions].sort((a, b) => (a.type < b.type ? -1 : 1));
  return { ...status, conditions: sorted };
}
