import type { KubeObject } from "@vextir/api";
import type {
  Applied,
  Cluster,
  ClusterEvent,
  Kind,
  ListOptions,
  ObjectKey,
} from "@vextir/operator/cluster.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import type { ObjectStore } from "./store/object-store.ts";
import type { ObjectType } from "./store/stored-object.ts";

const MANAGER = "vextir-operator";
/** Distinct events remembered, so that a repeated one is told once. */
const MAX_EVENTS = 1_000;

/** The reconcilers' view of the object store: they work here as they do on an API server. */
export class LocalCluster implements Cluster {
  #store: ObjectStore;
  #tell: (event: ClusterEvent) => void;
  #told = new Set<string>();

  /** `tell` hears of each Kubernetes event once. */
  constructor(store: ObjectStore, tell: (event: ClusterEvent) => void) {
    this.#store = store;
    this.#tell = tell;
  }

  async get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined> {
    const object = this.#store.get(kind, key) ?? implied(kind, key);
    return object && has(object, kind.labels) ? object : undefined;
  }

  async list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<readonly T[]> {
    return this.#store.list(kind, { ...options, labels: { ...kind.labels, ...options?.labels } });
  }

  async watch<T extends KubeObject>(kind: Kind<T>, changed: (object: T) => void): Promise<void> {
    this.#store.watch(kind, (seen) => {
      const { metadata } = seen;
      // A namespace that nobody declares any longer is still there, but without the labels that it had.
      const object = this.#store.get(kind, metadata) ? seen : (implied(kind, metadata) ?? seen);
      if (has(object, kind.labels)) changed(object);
    });
  }

  async apply<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T> {
    return this.#store.apply(kind.manager ?? MANAGER, kind, object);
  }

  async applyStatus<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T> {
    return this.#store.applyStatus(MANAGER, kind, object);
  }

  async delete(kind: ObjectType, key: ObjectKey, precondition?: { uid: string }): Promise<void> {
    this.#store.delete(kind, key, precondition);
  }

  record(event: ClusterEvent): void {
    const { about, type, reason, message } = event;
    const key = JSON.stringify([
      about.kind,
      about.metadata.uid ?? about.metadata.name,
      type,
      reason,
      message,
    ]);
    if (this.#told.has(key)) return;
    if (this.#told.size >= MAX_EVENTS) this.#told.clear();
    this.#told.add(key);
    this.#tell(event);
  }
}

/** Nobody has to make a namespace here. */
function implied<T extends KubeObject>({ apiVersion, kind, plural }: Kind<T>, { name }: ObjectKey) {
  return plural === KINDS.Namespace.plural ? ({ apiVersion, kind, metadata: { name } } as T) : undefined;
}

const has = ({ metadata }: KubeObject, labels: Readonly<Record<string, string>> = {}) =>
  Object.entries(labels).every(([name, value]) => metadata.labels?.[name] === value);
