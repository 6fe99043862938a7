import type { KubeObject } from "@vextir/api";
import type { Kind, ListOptions, ObjectKey } from "../cluster.ts";
import { FIELD_MANAGER, type Sent } from "./kube-api.ts";
import { LabelIndex } from "./label-index.ts";
import { pack } from "./packed-fields.ts";
import { shareTexts } from "./shared-texts.ts";

/** What is known of the fields that we apply. */
export interface Part {
  /** The fields that our manager owns, packed. */
  readonly applied?: string;
  /** Hash of what this version of the object is known to fulfil: to apply it would change nothing. */
  settled?: string;
}

/** A cached object with what is known of our own part of it. */
export interface Entry {
  readonly object: KubeObject;
  /** False: the kind keeps nothing of it but its name, so that its deletion can be told. */
  readonly kept: boolean;
  /** The resourceVersion as a number: the API server promises that they can be compared. */
  readonly version: number;
  /** Of the object but its status, and of its status. */
  readonly main: Part;
  readonly status: Part;
  /** The listing that was the latest to begin when our own write brought the object here, ahead of its event. */
  writtenIn?: number;
}

/** Without `managedFields`, which often outweigh the object, and with its kind, which the items of a list lack. */
export function plain<T extends KubeObject>(kind: Kind<T>, sent: Sent): T {
  const { managedFields: _, ...metadata } = sent.metadata;
  const { apiVersion, kind: name } = kind;
  return (
    kind.metadataOnly ? { apiVersion, kind: name, metadata } : { ...sent, apiVersion, kind: name, metadata }
  ) as T;
}

/** What the cache holds of an object: as much as its kind wants. */
export function entryOf(kind: Kind, sent: Sent): Entry {
  const object = shareTexts(plain(kind, sent));
  const kept = kind.keep ? kind.keep(object) : object;
  const { name, namespace } = sent.metadata;
  const entry = {
    object: kept ?? { ...object, metadata: { name, ...(namespace && { namespace }) } },
    kept: kept !== undefined,
    version: Number(sent.metadata.resourceVersion),
  };
  if (isPartial(kind)) return { ...entry, main: UNKNOWN, status: UNKNOWN };
  const ours = (sent.metadata.managedFields ?? []).filter(
    ({ manager, operation }) => manager === FIELD_MANAGER && operation === "Apply",
  );
  const fields = (subresource?: string) => {
    const found = ours.find((entry) => entry.subresource === subresource)?.fieldsV1;
    return found ? { applied: pack(found, sent) } : {};
  };
  return { ...entry, main: fields(), status: fields("status") };
}

const UNKNOWN: Part = Object.freeze({});

/** The cache can't tell what an apply would change. */
export const isPartial = (kind: Kind) => kind.metadataOnly === true || kind.keep !== undefined;

/** The objects of one kind, by namespace and name. */
export class ObjectCache {
  readonly #namespaces = new Map<string, Map<string, Entry>>();
  /** By label; made when it is first asked for. */
  readonly #indexes = new Map<string, LabelIndex>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get({ namespace = "", name }: ObjectKey): Entry | undefined {
    return this.#namespaces.get(namespace)?.get(name);
  }

  put(entry: Entry): void {
    const { namespace = "", name } = entry.object.metadata;
    const objects = this.#namespaces.get(namespace) ?? new Map<string, Entry>();
    this.#namespaces.set(namespace, objects);
    const known = objects.get(name);
    if (!known) this.#size++;
    objects.set(name, entry);
    for (const index of this.#indexes.values()) {
      if (known) index.remove(known);
      index.add(entry);
    }
  }

  remove({ namespace = "", name }: ObjectKey): void {
    const objects = this.#namespaces.get(namespace);
    const known = objects?.get(name);
    if (!objects || !known) return;
    objects.delete(name);
    this.#size--;
    for (const index of this.#indexes.values()) index.remove(known);
    if (objects.size === 0) this.#namespaces.delete(namespace);
  }

  *entries(namespace?: string): Generator<Entry> {
    if (namespace !== undefined) {
      yield* this.#namespaces.get(namespace)?.values() ?? [];
      return;
    }
    for (const objects of this.#namespaces.values()) yield* objects.values();
  }

  list({ namespace, labels }: ListOptions = {}): KubeObject[] {
    const found: KubeObject[] = [];
    for (const { object, kept } of this.#candidates(namespace, labels)) {
      if (kept && (!labels || carries(object, labels))) found.push(object);
    }
    return found;
  }

  #candidates(namespace: string | undefined, labels: ListOptions["labels"] = {}): Iterable<Entry> {
    const [first] = Object.entries(labels);
    if (namespace === undefined || !first) return this.entries(namespace);
    const [label, value] = first;
    const index = this.#indexes.get(label) ?? new LabelIndex(label, this.entries());
    this.#indexes.set(label, index);
    return index.find(namespace, value);
  }
}

export function carries(object: KubeObject, labels: Readonly<Record<string, string>>): boolean {
  const own = object.metadata.labels ?? {};
  return Object.entries(labels).every(([name, value]) => own[name] === value);
}
