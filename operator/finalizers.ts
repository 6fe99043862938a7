import type { KubeObject } from "@vextir/api";
import { type Applied, type Cluster, ClusterError, type Kind } from "./cluster.ts";

/** Keeps the object, once deleted, until `removeFinalizer`. */
export function addFinalizer<T extends KubeObject>(
  cluster: Cluster,
  kind: Kind<T>,
  object: T,
  finalizer: string,
): Promise<T> {
  return apply(cluster, kind, object, [finalizer]);
}

/** Lets the object go. One that is gone already, or was made again under its name, is no error. */
export async function removeFinalizer<T extends KubeObject>(
  cluster: Cluster,
  kind: Kind<T>,
  object: T,
): Promise<void> {
  try {
    await apply(cluster, kind, object, []);
  } catch (error) {
    const gone = error instanceof ClusterError && (error.code === "Conflict" || error.code === "NotFound");
    if (!gone) throw error;
  }
}

/** By uid: without it, an apply would make an object that is gone anew. */
function apply<T extends KubeObject>(
  cluster: Cluster,
  kind: Kind<T>,
  { metadata }: T,
  finalizers: string[],
): Promise<T> {
  const { name, namespace, uid } = metadata;
  const meta = { name, ...(namespace && { namespace }), ...(uid && { uid }), finalizers };
  return cluster.apply(kind, {
    apiVersion: kind.apiVersion,
    kind: kind.kind,
    metadata: meta,
  } as unknown as Applied<T>);
}
