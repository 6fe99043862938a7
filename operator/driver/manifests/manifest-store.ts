import { type Driver, Manifest } from "@vextir/api";
import { z } from "zod";
import { KeyedLock } from "../../bus/keyed-lock.ts";
import type { Cluster } from "../../cluster.ts";
import { KINDS } from "../../kinds.ts";
import { WATCHED } from "../../watched-kinds.ts";
import { manifestsConfigMap } from "../children/children.ts";
import { childNames } from "../names.ts";

const Stored = z.object({
  manifest: Manifest,
  /** Hash of the code, where the code can't change without it: the manifest then holds for other templates too. */
  code: z.string().optional(),
});
export type StoredManifest = z.infer<typeof Stored>;
/** By template hash. */
export type StoredManifests = ReadonlyMap<string, StoredManifest>;

interface Known {
  uid: string;
  manifests: Map<string, StoredManifest>;
}

/** A ConfigMap holds 1 MiB: the oldest go first. */
const MAX_BYTES = 900_000;

/**
 * The accepted manifests of the drivers that are not built in, each driver's in a ConfigMap of its own. Read once and then
 * known: the leader is the only one who writes.
 */
export class ManifestStore {
  readonly #cluster: Cluster;
  readonly #known = new Map<string, Known>();
  readonly #locks = new KeyedLock();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  async all(driver: Driver): Promise<StoredManifests> {
    return (await this.#load(driver)).manifests;
  }

  async put(driver: Driver, template: string, entry: StoredManifest): Promise<void> {
    await this.#change(driver, (manifests) => {
      manifests.delete(template);
      manifests.set(template, entry);
    });
  }

  /** Forgets the manifests of templates that are no more. */
  async retain(driver: Driver, templates: ReadonlySet<string>): Promise<void> {
    const { manifests } = await this.#load(driver);
    if ([...manifests.keys()].every((template) => templates.has(template))) return;
    await this.#change(driver, (kept) => {
      for (const template of kept.keys()) if (!templates.has(template)) kept.delete(template);
    });
  }

  forget(namespace: string | undefined, name: string): void {
    this.#known.delete(keyOf(namespace, name));
  }

  async #change(driver: Driver, edit: (manifests: Map<string, StoredManifest>) => void): Promise<void> {
    await this.#locks.run(keyOf(driver.metadata.namespace, driver.metadata.name), async () => {
      const known = await this.#load(driver);
      const manifests = new Map(known.manifests);
      edit(manifests);
      dropOldest(manifests);
      const data = Object.fromEntries([...manifests].map(([hash, entry]) => [hash, JSON.stringify(entry)]));
      await this.#cluster.apply(KINDS.ConfigMap, manifestsConfigMap(driver, data).object);
      known.manifests = manifests;
    });
  }

  async #load(driver: Driver): Promise<Known> {
    const { namespace, name, uid = "" } = driver.metadata;
    const key = keyOf(namespace, name);
    const known = this.#known.get(key);
    if (known?.uid === uid) return known;
    const where = { ...(namespace && { namespace }), name: childNames.manifests(name) };
    // Most drivers are built in and have none, which the cache of names tells.
    const there = await this.#cluster.get(WATCHED.ConfigMap, where);
    const found = there && (await this.#cluster.get(KINDS.ConfigMap, where));
    const own = found?.metadata.ownerReferences?.some((owner) => owner.uid === uid);
    const loaded = { uid, manifests: read(own ? found?.data : undefined) };
    this.#known.set(key, loaded);
    return loaded;
  }
}

const keyOf = (namespace: string | undefined, name: string) => `${namespace ?? ""}/${name}`;

/** Entries that can't be read are left out: their pods report again. */
function read(data: Record<string, string> = {}): Map<string, StoredManifest> {
  const manifests = new Map<string, StoredManifest>();
  for (const [template, text] of Object.entries(data)) {
    try {
      manifests.set(template, Stored.parse(JSON.parse(text)));
    } catch {
      // Written by another release.
    }
  }
  return manifests;
}

function dropOldest(manifests: Map<string, StoredManifest>): void {
  const bytes = () =>
    [...manifests.values()].reduce((sum, entry) => sum + JSON.stringify(entry).length * 2, 0);
  for (const oldest of manifests.keys()) {
    if (manifests.size <= 1 || bytes() <= MAX_BYTES) return;
    manifests.delete(oldest);
  }
}
