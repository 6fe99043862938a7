import { run } from "./program.ts";

export const kubectl = (...args: string[]) => run("kubectl", args);

export const apply = (manifest: string, ...args: string[]) =>
  run("kubectl", ["apply", ...args, "-f", "-"], manifest);

/** Any object, as far as these tests look at it. */
export interface Thing {
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid: string;
    resourceVersion: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
    deletionTimestamp?: string;
  };
  // biome-ignore lint/suspicious/noExplicitAny: whatever the kind has
  spec: any;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the kind has
  status: any;
  data?: Record<string, string>;
}

export const get = async (...args: string[]): Promise<Thing> =>
  JSON.parse(await kubectl("get", ...args, "-o", "json"));

export const list = async (...args: string[]): Promise<Thing[]> =>
  (JSON.parse(await kubectl("get", ...args, "-o", "json")) as { items: Thing[] }).items;

export const isReady = (pod: Thing) =>
  !pod.metadata.deletionTimestamp &&
  (pod.status.conditions ?? []).some(
    (condition: { type: string; status: string }) =>
      condition.type === "Ready" && condition.status === "True",
  );

/** A value of a Secret. */
export async function secret(namespace: string, name: string, key: string): Promise<Buffer> {
  const data = await secretData(namespace, name);
  const value = data[key];
  if (value === undefined)
    throw new Error(`Secret ${namespace}/${name} has no ${key}: it has ${Object.keys(data).join(", ")}`);
  return value;
}

/** All that a Secret holds. */
export async function secretData(namespace: string, name: string): Promise<Record<string, Buffer>> {
  const { data = {} } = await get("secret", name, "-n", namespace);
  const decoded = Object.entries<string>(data).map(([key, value]) => [key, Buffer.from(value, "base64")]);
  return Object.fromEntries(decoded);
}
