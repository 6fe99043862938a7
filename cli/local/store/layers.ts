import { isDeepStrictEqual } from "node:util";

/**
 * Server-side apply, as far as the local mode needs it. What a field manager applied last is its layer; an object is nothing
 * but its managers' layers laid over each other. A field that two managers set to different values belongs to the one who
 * applied last (every apply here is forced). Lists are one value, but for the two that Kubernetes keys: finalizers and
 * ownerReferences.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Layer = { [key: string]: Json };
/** By field manager, oldest first. */
export type Layers = ReadonlyMap<string, Layer>;

/** The layers after `manager` applied `fields`: what it applied before and left out now is given up. */
export function applyLayer(layers: Layers, manager: string, fields: Layer): Layers {
  const next = new Map<string, Layer>();
  for (const [other, layer] of layers) if (other !== manager) next.set(other, without(layer, fields));
  return next.set(manager, fields);
}

/** The object that the layers make. */
export function mergeLayers(layers: Layers): Layer {
  let merged: Layer = {};
  for (const layer of layers.values()) merged = merge(merged, layer) as Layer;
  return merged;
}

/** Lists that Kubernetes merges by key become maps, so that each entry is a field of its own. */
export function keyedLists(metadata: Layer): Layer {
  const { finalizers, ownerReferences, ...rest } = metadata;
  return {
    ...rest,
    ...(Array.isArray(finalizers) && {
      finalizers: Object.fromEntries(finalizers.map((name) => [String(name), true])),
    }),
    ...(Array.isArray(ownerReferences) && {
      ownerReferences: Object.fromEntries(
        ownerReferences.map((owner) => [String((owner as Layer)["uid"]), owner]),
      ),
    }),
  };
}

/** The reverse of `keyedLists`; empty lists are left out. */
export function plainLists(metadata: Layer): Layer {
  const { finalizers, ownerReferences, ...rest } = metadata;
  const names = Object.keys((finalizers as Layer | undefined) ?? {});
  const owners = Object.values((ownerReferences as Layer | undefined) ?? {});
  return {
    ...rest,
    ...(names.length > 0 && { finalizers: names }),
    ...(owners.length > 0 && { ownerReferences: owners }),
  };
}

const isMap = (value: Json | undefined): value is Layer =>
  value !== null && typeof value === "object" && !Array.isArray(value);

function merge(below: Json, above: Json): Json {
  if (!isMap(below) || !isMap(above)) return above;
  const merged: Layer = { ...below };
  for (const [key, value] of Object.entries(above)) {
    const lower = Object.hasOwn(merged, key) ? merged[key] : undefined;
    define(merged, key, lower === undefined ? value : merge(lower, value));
  }
  return merged;
}

/** `layer` without the fields that `winner` sets to another value. */
function without(layer: Layer, winner: Layer): Layer {
  const kept: Layer = {};
  for (const [key, value] of Object.entries(layer)) {
    const other = Object.hasOwn(winner, key) ? winner[key] : undefined;
    if (isMap(value) && isMap(other)) define(kept, key, without(value, other));
    else if (other === undefined || isDeepStrictEqual(value, other)) define(kept, key, value);
  }
  return kept;
}

/** Plain assignment would take the key `__proto__` for the prototype. */
function define(target: Layer, key: string, value: Json): void {
  Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true });
}
