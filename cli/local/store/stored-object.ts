import { isDeepStrictEqual } from "node:util";
import type { KubeObject, ObjectMeta } from "@vextir/api";
import { ClusterError, type Kind } from "@vextir/operator/cluster.ts";
import { type Json, type Layer, type Layers, mergeLayers, plainLists } from "./layers.ts";

/** What the store needs to know of a kind. */
export type ObjectType = Pick<Kind, "apiVersion" | "kind" | "plural" | "namespaced">;

/** An object as it is kept: what was applied by whom, and what the store itself says of it. */
export interface StoredObject {
  kind: ObjectType;
  identity: Required<Pick<ObjectMeta, "uid" | "generation" | "creationTimestamp">> & {
    deletionTimestamp?: string;
  };
  layers: Layers;
  status: Layers;
  /** Layers and identity put together; frozen. */
  object: KubeObject;
}

interface Named {
  namespace?: string | undefined;
  name: string;
}

export const typeOf = (kind: ObjectType) => `${kind.apiVersion}/${kind.kind}`;
export const idOf = (kind: ObjectType, { namespace, name }: Named) =>
  `${typeOf(kind)}/${kind.namespaced ? (namespace ?? "") : ""}/${name}`;
export const nameOf = (kind: ObjectType, { namespace, name }: Named) =>
  `${kind.kind} ${namespace ? `${namespace}/` : ""}${name}`;

/** RFC 3339 in whole seconds, as metav1.Time. */
export const timestamp = (ms: number) => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");

export const jsonOf = (value: unknown) => JSON.parse(JSON.stringify(value)) as Layer;

export function expectSame(
  kind: ObjectType,
  key: Named,
  have: ObjectMeta | undefined,
  want: { uid?: Json | undefined; resourceVersion?: Json | undefined },
): void {
  for (const field of ["uid", "resourceVersion"] as const) {
    if (want[field] !== undefined && want[field] !== have?.[field])
      throw new ClusterError(
        "Conflict",
        `${nameOf(kind, key)}: ${field} is ${have?.[field] ?? "none"}, expected ${want[field]}`,
      );
  }
}

export function render(
  { identity, layers, status, kind }: Omit<StoredObject, "object">,
  resourceVersion: string,
): KubeObject {
  const { metadata, ...fields } = mergeLayers(layers);
  const observed = mergeLayers(status);
  return {
    ...fields,
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: { ...plainLists(metadata as Layer), ...identity, resourceVersion } as unknown as ObjectMeta,
    ...(status.size > 0 && { status: observed }),
  };
}

/** Metadata (but for the mark of deletion) and status don't count as a new generation. */
export function specChanged(before: KubeObject, after: KubeObject): boolean {
  const relevant = ({ metadata, status: _, ...fields }: KubeObject & { status?: unknown }) => ({
    ...fields,
    deleted: metadata.deletionTimestamp !== undefined,
  });
  return !isDeepStrictEqual(relevant(before), relevant(after));
}

export function freeze<T>(value: T): T {
  if (value !== null && typeof value === "object" && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const part of Object.values(value)) freeze(part);
  }
  return value;
}
