import { randomUUID } from "node:crypto";
import { HUB_POLICY, type HubPolicyBeat, type HubPolicyEntry, type HubPolicyPage } from "@vextir/api";
import { driverOfServiceAccount, serviceAccountOf } from "../bus/pod-token.ts";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import { WATCHED } from "../watched-kinds.ts";
import { type HubGrants, hubGrantsOf } from "./grants.ts";

/** What every Driver is granted in the context hub, as its object says now. */
export class HubPolicyIndex {
  /** Revisions are this process'. */
  readonly epoch = randomUUID();
  readonly #cluster: Cluster;
  readonly #changed: (entry: HubPolicyEntry) => void;
  readonly #grants = new Map<string, HubGrants & { account: string | undefined }>();
  readonly #looks = new Map<string, symbol>();
  #revision = 0;

  private constructor(cluster: Cluster, changed: (entry: HubPolicyEntry) => void) {
    this.#cluster = cluster;
    this.#changed = changed;
  }

  /** Resolves when all Drivers there are have been seen. */
  static async follow(cluster: Cluster, changed: (entry: HubPolicyEntry) => void): Promise<HubPolicyIndex> {
    const index = new HubPolicyIndex(cluster, changed);
    await cluster.watch(KINDS.Driver, ({ metadata }) => {
      void index.#look(metadata.namespace ?? "", metadata.name);
    });
    await cluster.watch(WATCHED.ServiceAccountName, ({ metadata }) => {
      const driver = driverOfServiceAccount(metadata.name);
      if (driver !== undefined) void index.#look(metadata.namespace ?? "", driver);
    });
    for (const { metadata } of await cluster.list(KINDS.Driver))
      await index.#look(metadata.namespace ?? "", metadata.name);
    return index;
  }

  beat(): HubPolicyBeat {
    return { epoch: this.epoch, revision: this.#revision };
  }

  page(after: string): HubPolicyPage {
    const keys = [...this.#grants.keys()].filter((key) => key > after).sort();
    const shown = keys.slice(0, HUB_POLICY.pageSize);
    const last = shown.at(-1);
    return {
      ...this.beat(),
      entries: shown.map((key) => this.#entry(key)),
      ...(keys.length > shown.length && last !== undefined && { next: last }),
    };
  }

  #entry(key: string): HubPolicyEntry {
    const [tenant = "", driver = ""] = key.split("/");
    const { account, grants = [] } = this.#grants.get(key) ?? {};
    return {
      ...this.beat(),
      tenant,
      driver,
      ...(account !== undefined && { uid: account }),
      grants: [...grants],
    };
  }

  /** Of the ServiceAccount that was made for this Driver; its pods' tokens say it. */
  async #accountOf(namespace: string, name: string, driver: string): Promise<string | undefined> {
    const key = { namespace, name: serviceAccountOf(name) };
    const metadata = (await this.#cluster.get(WATCHED.ServiceAccountName, key))?.metadata;
    const owner = metadata?.ownerReferences?.find(({ controller }) => controller)?.uid;
    return owner === driver ? metadata?.uid : undefined;
  }

  /** The signal says that something changed; what is there now, the cache knows. */
  async #look(namespace: string, name: string): Promise<void> {
    const key = `${namespace}/${name}`;
    const look = Symbol();
    this.#looks.set(key, look);
    const driver = await this.#cluster.get(KINDS.Driver, { namespace, name });
    const before = this.#grants.get(key);
    const now = hubGrantsOf(driver, before);
    const account = now && (await this.#accountOf(namespace, name, now.uid));
    // Nobody else looks at it meanwhile with what is older: the last look has the last word.
    if (this.#looks.get(key) !== look) return;
    this.#looks.delete(key);
    const entry = now && { ...now, account };
    if (JSON.stringify(entry) === JSON.stringify(this.#grants.get(key))) return;
    if (entry) this.#grants.set(key, entry);
    else this.#grants.delete(key);
    this.#revision++;
    this.#changed(this.#entry(key));
  }
}
