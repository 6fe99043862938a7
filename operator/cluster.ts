import type { KubeObject, OwnerReference } from "@vextir/api";

/** A kind of object, as reconcilers name it. Its values stand in `operator/kinds.ts`. */
export interface Kind<T extends KubeObject = KubeObject> {
  readonly apiVersion: string;
  readonly kind: string;
  /** Lower-case plural, as in the URL. */
  readonly plural: string;
  readonly namespaced: boolean;
  /** Only objects with these labels are watched and cached; absent: all. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Only metadata is watched and cached (`PartialObjectMetadata`). */
  readonly metadataOnly?: boolean;
  /** Field manager of what is applied as this kind; default: the operator's. One that watches nothing: caches know the operator's fields alone. */
  readonly manager?: string;
  /** What the cache keeps of an object; undefined: nothing, though its changes are signalled. Default: all but managedFields. */
  keep?(object: T): T | undefined;
  /** Carries the type only. */
  readonly object?: T;
}

export interface ObjectKey {
  namespace?: string;
  name: string;
}

/**
 * What reconcilers know of Kubernetes: `operator/kube` makes one of an API server, the local mode one of a folder of YAML
 * and child processes.
 *
 * Reads of a watched kind come from its cache and may be stale; a change that follows is signalled. A kind is a value: another
 * `Kind` of the same resource (with other `labels`, say) has its own watch and cache, and one that is not watched is read from
 * the API server each time. Writes throw
 * `ClusterError` with `code`: `Conflict`, `NotFound`, `Invalid` (the object is refused: no use in trying again),
 * `Forbidden`, `Unavailable` (try again).
 */
export interface Cluster {
  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): Promise<T | undefined>;
  list<T extends KubeObject>(kind: Kind<T>, options?: ListOptions): Promise<readonly T[]>;
  /**
   * Calls `changed` for every object now there and after each change or deletion, with the last known state.
   * Resolves when the first listing is in the cache.
   */
  watch<T extends KubeObject>(kind: Kind<T>, changed: (object: T) => void): Promise<void>;
  /**
   * Server-side apply with the kind's field manager: fields left out are given up. Creates when absent. Of a kind that is
   * watched nothing is written when nothing would change.
   */
  apply<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T>;
  /** Server-side apply of the status subresource. */
  applyStatus<T extends KubeObject>(kind: Kind<T>, object: Applied<T>): Promise<T>;
  /** Background deletion; an absent object is no error. */
  delete(kind: Kind, key: ObjectKey, precondition?: { uid: string }): Promise<void>;
  /** Records a Kubernetes event; repeated ones are counted, not stored again. Never throws. */
  record(event: ClusterEvent): void;
}

export interface ListOptions {
  namespace?: string;
  labels?: Readonly<Record<string, string>>;
}

/** The fields that the operator owns, and what names the object. */
export type Applied<T extends KubeObject> = {
  apiVersion: string;
  kind: string;
  metadata: Pick<T["metadata"], "name"> & Partial<T["metadata"]>;
} & { [K in Exclude<keyof T, "apiVersion" | "kind" | "metadata">]?: unknown };

export interface ClusterEvent {
  about: KubeObject;
  type: "Normal" | "Warning";
  /** CamelCase. */
  reason: string;
  message: string;
}

export function ownerOf(owner: KubeObject): OwnerReference {
  const { apiVersion, kind, metadata } = owner;
  if (!metadata.uid) throw new TypeError(`${kind} ${metadata.name} has no uid yet, so it can own nothing`);
  return {
    apiVersion,
    kind,
    name: metadata.name,
    uid: metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export type ClusterErrorCode = "Conflict" | "NotFound" | "Invalid" | "Forbidden" | "Unavailable";

export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly code: ClusterErrorCode;
  constructor(code: ClusterErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
