import type { KubeObject, ObjectMeta } from "@vextir/api";
import type { DriverIdentity, DriverIndex, KnownDriver } from "./bus/index.ts";
import type { Cluster, Kind } from "./cluster.ts";
import { childNames } from "./driver/names.ts";
import { WATCHED } from "./watched-kinds.ts";

/** The Drivers of all namespaces by name, and their ServiceAccounts, for the auth callout, which can't wait. */
export class WatchedDrivers implements DriverIndex {
  readonly #drivers = new Map<string, DriverIdentity>();
  /** `owner`: uid of the Driver that it was made for. */
  readonly #accounts = new Map<string, { uid: string; owner: string | undefined }>();

  private constructor() {}

  /** Resolves when all that there are have been seen. */
  static async follow(cluster: Cluster): Promise<WatchedDrivers> {
    const index = new WatchedDrivers();
    await Promise.all([
      followNow(cluster, WATCHED.DriverName, (key, metadata) => {
        if (metadata?.uid && !metadata.deletionTimestamp) {
          const { namespace = "", name, uid } = metadata;
          index.#drivers.set(key, { namespace, name, uid });
        } else index.#drivers.delete(key);
      }),
      followNow(cluster, WATCHED.ServiceAccountName, (key, metadata) => {
        const owner = metadata?.ownerReferences?.find(({ controller }) => controller)?.uid;
        if (metadata?.uid) index.#accounts.set(key, { uid: metadata.uid, owner });
        else index.#accounts.delete(key);
      }),
    ]);
    return index;
  }

  find(namespace: string, name: string): KnownDriver | undefined {
    const driver = this.#drivers.get(`${namespace}/${name}`);
    if (!driver) return undefined;
    const account = this.#accounts.get(`${namespace}/${childNames.serviceAccount(name)}`);
    return { ...driver, serviceAccountUid: account?.owner === driver.uid ? account.uid : undefined };
  }
}

/** Calls `seen` with what is there of each object now, and after each change; undefined: it is gone. */
export async function followNow<T extends KubeObject>(
  cluster: Cluster,
  kind: Kind<T>,
  seen: (key: string, metadata: ObjectMeta | undefined) => void,
): Promise<void> {
  const key = ({ namespace = "", name }: ObjectMeta) => `${namespace}/${name}`;
  await cluster.watch(kind, ({ metadata }) => {
    const { namespace, name } = metadata;
    // The signal says that something changed; what is there now, the cache knows.
    void cluster
      .get(kind, { ...(namespace && { namespace }), name })
      .then((now) => seen(key(metadata), now?.metadata));
  });
  for (const { metadata } of await cluster.list(kind)) seen(key(metadata), metadata);
}
