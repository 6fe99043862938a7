import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "@vextir/api";
import {
  type Applied,
  ClusterError,
  type Kind,
  type ListOptions,
  type ObjectKey,
} from "@vextir/operator/cluster.ts";
import { applyLayer, keyedLists, type Layer, type Layers } from "./layers.ts";
import {
  expectSame,
  freeze,
  idOf,
  jsonOf,
  nameOf,
  type ObjectType,
  render,
  type StoredObject,
  specChanged,
  timestamp,
  typeOf,
} from "./stored-object.ts";

/** Fills in defaults and refuses what is invalid, as an API server's admission does: throws `ClusterError` `Invalid`. */
export type Admission = (object: KubeObject, before: KubeObject | undefined) => KubeObject;

export interface ObjectStoreOptions {
  admission?: Admission;
  /** Milliseconds since 1970. */
  now?: () => number;
  newUid?: () => string;
  /** Told of a listener that threw; the others are called all the same. */
  onListenerError?: (error: unknown) => void;
}

type Listener = (object: KubeObject) => void;

/**
 * The local mode's API server: objects in memory with uid, generation, resourceVersion, server-side apply, finalizers and
 * garbage collection by owner. Every change is complete when the method returns; listeners hear of it in a later microtask,
 * in order. Objects that it hands out are frozen.
 */
export class ObjectStore {
  #objects = new Map<string, StoredObject>();
  #listeners = new Map<string, Set<Listener>>();
  #anyListeners = new Set<() => void>();
  #pending: { listener: Listener; object: KubeObject }[] = [];
  #version = 0;
  #options: Required<ObjectStoreOptions>;

  constructor(options: ObjectStoreOptions = {}) {
    this.#options = {
      admission: (object) => object,
      now: Date.now,
      newUid: randomUUID,
      onListenerError: (error) => process.emitWarning(error instanceof Error ? error : String(error)),
      ...options,
    };
  }

  get<T extends KubeObject>(kind: Kind<T>, key: ObjectKey): T | undefined {
    return this.#objects.get(idOf(kind, key))?.object as T | undefined;
  }

  list<T extends KubeObject>(kind: Kind<T>, { namespace, labels }: ListOptions = {}): readonly T[] {
    const wanted = Object.entries(labels ?? {});
    return this.stored(kind)
      .map(({ object }) => object)
      .filter(({ metadata }) => namespace === undefined || metadata.namespace === namespace)
      .filter(({ metadata }) =>
        wanted.every(([name, value]) => metadata.labels?.[name] === value),
      ) as unknown as T[];
  }

  /** Every object of the kind, or of all kinds, with its layers. */
  stored(kind?: ObjectType): readonly StoredObject[] {
    const all = [...this.#objects.values()];
    return kind ? all.filter((stored) => typeOf(stored.kind) === typeOf(kind)) : all;
  }

  /** Takes back what `stored()` gave in an earlier run. Not announced: restore before anybody watches. */
  restore(kind: ObjectType, identity: StoredObject["identity"], layers: Layers): void {
    const stored = { kind, identity, layers, status: new Map<string, Layer>() };
    const object = this.#admitOrKeep(render(stored, this.#nextVersion()));
    this.#objects.set(idOf(kind, object.metadata), { ...stored, object: freeze(object) });
  }

  /** Calls `listener` for every object now there and after each change; a deleted object comes once more, as it last was. */
  watch<T extends KubeObject>(kind: Kind<T>, listener: (object: T) => void): () => void {
    const listeners = this.#listeners.get(typeOf(kind)) ?? new Set();
    this.#listeners.set(typeOf(kind), listeners.add(listener as Listener));
    for (const object of this.list(kind)) this.#enqueue(listener as Listener, object);
    return () => void listeners.delete(listener as Listener);
  }

  /** Calls `listener` after any change of any object. */
  onChange(listener: () => void): () => void {
    this.#anyListeners.add(listener);
    return () => void this.#anyListeners.delete(listener);
  }

  /**
   * @throws ClusterError `Invalid` by admission; `Conflict` when `metadata.uid` or `resourceVersion` is given and is not the
   * object's.
   */
  apply<T extends KubeObject>(manager: string, kind: Kind<T>, applied: Applied<T>): T {
    const { status: _, metadata, ...fields } = jsonOf(applied);
    const { uid, resourceVersion, generation, creationTimestamp, deletionTimestamp, ...owned } =
      metadata as Layer;
    if (kind.namespaced && !owned["namespace"])
      throw new ClusterError(
        "Invalid",
        `${kind.kind} ${applied.metadata.name}: metadata.namespace is missing`,
      );
    const before = this.#objects.get(idOf(kind, applied.metadata));
    expectSame(kind, applied.metadata, before?.object.metadata, { uid, resourceVersion });
    const layer = { ...fields, metadata: keyedLists(owned) };
    const stored = {
      kind,
      identity: before?.identity ?? this.#newIdentity(),
      layers: applyLayer(before?.layers ?? new Map(), manager, layer),
      status: before?.status ?? new Map<string, Layer>(),
    };
    return this.#replace(stored, before) as T;
  }

  /** As `apply`, for the status alone. @throws ClusterError also `NotFound`. */
  applyStatus<T extends KubeObject>(manager: string, kind: Kind<T>, applied: Applied<T>): T {
    const before = this.#objects.get(idOf(kind, applied.metadata));
    if (!before) throw new ClusterError("NotFound", `${nameOf(kind, applied.metadata)} does not exist`);
    const { status, metadata } = jsonOf(applied);
    const { uid, resourceVersion } = metadata as Layer;
    expectSame(kind, applied.metadata, before.object.metadata, { uid, resourceVersion });
    const stored = {
      ...before,
      status: applyLayer(before.status, manager, (status as Layer | undefined) ?? {}),
    };
    return this.#replace(stored, before) as T;
  }

  /** With finalizers the object stays, marked, until they are given up. An absent object is no error. */
  delete(kind: ObjectType, key: ObjectKey, precondition?: { uid: string }): void {
    const before = this.#objects.get(idOf(kind, key));
    if (!before) return;
    expectSame(kind, key, before.object.metadata, { uid: precondition?.uid });
    if (!before.object.metadata.finalizers?.length) {
      this.#remove(before);
      return;
    }
    if (before.identity.deletionTimestamp) return;
    const deletionTimestamp = timestamp(this.#options.now());
    this.#replace({ ...before, identity: { ...before.identity, deletionTimestamp } }, before);
  }

  #replace(stored: Omit<StoredObject, "object">, before: StoredObject | undefined): KubeObject {
    const version = before?.object.metadata.resourceVersion ?? "0";
    const object = this.#options.admission(render(stored, version), before?.object);
    const id = idOf(stored.kind, object.metadata);
    if (before && isDeepStrictEqual(object, before.object)) {
      this.#objects.set(id, { ...stored, object: before.object });
      return before.object;
    }
    const identity = { ...stored.identity };
    if (before && specChanged(before.object, object)) identity.generation += 1;
    const metadata = {
      ...object.metadata,
      resourceVersion: this.#nextVersion(),
      generation: identity.generation,
    };
    const after = { ...stored, identity, object: freeze({ ...object, metadata }) };
    this.#objects.set(id, after);
    this.#announce(after);
    if (identity.deletionTimestamp && !metadata.finalizers?.length) this.#remove(after);
    else this.#collect([after]);
    return after.object;
  }

  #remove(stored: StoredObject): void {
    this.#objects.delete(idOf(stored.kind, stored.object.metadata));
    this.#announce(stored);
    const { uid } = stored.identity;
    this.#collect(
      this.stored().filter(({ object }) =>
        object.metadata.ownerReferences?.some((owner) => owner.uid === uid),
      ),
    );
  }

  /** Deletes those whose owners are all gone. */
  #collect(candidates: readonly StoredObject[]): void {
    const uids = new Set(this.stored().map(({ identity }) => identity.uid));
    for (const { kind, object } of candidates) {
      const owners = object.metadata.ownerReferences ?? [];
      if (owners.length > 0 && !owners.some(({ uid }) => uids.has(uid))) this.delete(kind, object.metadata);
    }
  }

  /** What an earlier release stored may no longer pass; its uid must not be lost over it. */
  #admitOrKeep(object: KubeObject): KubeObject {
    try {
      return this.#options.admission(object, undefined);
    } catch {
      return object;
    }
  }

  #newIdentity() {
    const creationTimestamp = timestamp(this.#options.now());
    return { uid: this.#options.newUid(), generation: 1, creationTimestamp };
  }

  #nextVersion = () => String(++this.#version);

  #announce({ kind, object }: StoredObject): void {
    for (const listener of this.#anyListeners) this.#enqueue(listener, object);
    for (const listener of this.#listeners.get(typeOf(kind)) ?? []) this.#enqueue(listener, object);
  }

  #enqueue(listener: Listener, object: KubeObject): void {
    if (this.#pending.push({ listener, object }) === 1) queueMicrotask(() => this.#deliver());
  }

  #deliver(): void {
    // Listeners may change objects: what that adds is delivered in this same pass, after what was there before.
    for (const { listener, object } of this.#pending) {
      try {
        listener(object);
      } catch (error) {
        this.#options.onListenerError(error);
      }
    }
    this.#pending = [];
  }
}
