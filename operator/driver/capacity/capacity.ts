import type { Driver } from "@vextir/api";
import type { Cluster, ObjectKey } from "../../cluster.ts";
import { LABELS } from "../../labels.ts";
import { WATCHED } from "../../watched-kinds.ts";
import type { Deployment, PodTemplate } from "../../workloads.ts";
import type { Observed } from "../observed.ts";
import { type Shortage, shortageOf } from "./fit.ts";

export interface Rollout {
  driver: Driver;
  template: PodTemplate;
  /** Names the template. */
  hash: string;
  replicas: number;
  observed: Observed;
}

/**
 * Looks whether the namespace's quotas have room for the pods of a rollout before they are made. It is looked at when something is
 * about to be rolled out, and from then on until there is room: in between pods come and quotas are counted at different moments, which
 * tells nothing.
 */
export class Capacity {
  readonly #cluster: Cluster;
  readonly #enqueue: (driver: ObjectKey) => void;
  /** Names of the Drivers whose pods had no room, by namespace. */
  readonly #short = new Map<string, Set<string>>();

  constructor({ cluster, enqueue }: { cluster: Cluster; enqueue: (driver: ObjectKey) => void }) {
    this.#cluster = cluster;
    this.#enqueue = enqueue;
  }

  /** `isNew`: nothing was told to make these pods yet. */
  async shortage(rollout: Rollout, isNew: boolean): Promise<Shortage | undefined> {
    const { driver, observed } = rollout;
    const { namespace = "" } = driver.metadata;
    const isLooked = isNew || this.#isShort(driver.metadata) || isRefused(observed.deployment(driver));
    const found = isLooked ? await this.#look(rollout, namespace) : undefined;
    this.#remember(driver.metadata, found !== undefined);
    return found;
  }

  forget(driver: ObjectKey): void {
    this.#remember(driver, false);
  }

  /** Something of the namespace's quotas is another: those look again that had no room. */
  changed(namespace: string): void {
    for (const name of this.#short.get(namespace) ?? []) this.#enqueue({ namespace, name });
  }

  async #look(
    { template, hash, replicas, observed }: Rollout,
    namespace: string,
  ): Promise<Shortage | undefined> {
    const [quotas, ranges] = await Promise.all([
      this.#cluster.list(WATCHED.ResourceQuota, { namespace }),
      this.#cluster.list(WATCHED.LimitRange, { namespace }),
    ]);
    return shortageOf({ pod: template.spec, more: missing(observed, hash, replicas), quotas, ranges });
  }

  #isShort({ namespace = "", name }: ObjectKey): boolean {
    return this.#short.get(namespace)?.has(name) ?? false;
  }

  #remember({ namespace = "", name }: ObjectKey, isShort: boolean): void {
    const names = this.#short.get(namespace) ?? new Set();
    if (isShort) this.#short.set(namespace, names.add(name));
    else if (names.delete(name) && names.size === 0) this.#short.delete(namespace);
  }
}

/** Pods that have to be made: old ones stay until a new one is ready, so of another template one is, at least. */
function missing(observed: Observed, hash: string, replicas: number): number {
  const alive = observed.pods.filter(({ metadata }) => !metadata.deletionTimestamp);
  const current = alive.filter(({ metadata }) => metadata.labels?.[LABELS.template] === hash);
  if (current.length >= replicas) return 0;
  return Math.max(1, replicas - alive.length);
}

const isRefused = (deployment: Deployment | undefined) =>
  deployment?.status?.conditions?.some(
    ({ type, status }) => type === "ReplicaFailure" && status === "True",
  ) ?? false;
