import type { ObjectKey } from "../cluster.ts";

/** A kind without the type of its objects. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
}

/** Where a kind's objects live: in one namespace, or in all of them. */
export function collectionPath(kind: Resource, namespace?: string): string {
  const root = kind.apiVersion.includes("/") ? `/apis/${kind.apiVersion}` : `/api/${kind.apiVersion}`;
  const scope = kind.namespaced && namespace ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${scope}/${kind.plural}`;
}

/** @throws TypeError when a namespaced object is named without its namespace. */
export function objectPath(kind: Resource, { namespace, name }: ObjectKey, subresource?: string): string {
  if (kind.namespaced && !namespace) {
    throw new TypeError(`${kind.kind} ${name} is named without its namespace`);
  }
  const path = `${collectionPath(kind, namespace)}/${encodeURIComponent(name)}`;
  return subresource ? `${path}/${subresource}` : path;
}

export function query(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const given = Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === "" ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length > 0 ? `?${given.join("&")}` : "";
}

export function labelSelector(labels: Readonly<Record<string, string>> = {}): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(",");
}

/** For messages: `Deployment team/a`. */
export function describe(kind: Resource, key: ObjectKey): string {
  return `${kind.kind} ${key.namespace ? `${key.namespace}/` : ""}${key.name}`;
}
