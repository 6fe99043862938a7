import type { Cluster, ObjectKey } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import type { PolicyGate } from "../policy/gate.ts";
import { dependents } from "./peers.ts";
import { foreignCallers } from "./shared.ts";

export interface PresenceOptions {
  cluster: Cluster;
  gate: PolicyGate;
  enqueue: (driver: ObjectKey) => void;
}

interface Present {
  uid: string;
  isAdmitted: boolean;
}

/** The Drivers there are: when one comes or goes, those look again for whom that makes a difference. */
export class Presence {
  readonly #options: PresenceOptions;
  /** By `<namespace>/<name>`. */
  readonly #known = new Map<string, Present>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Undefined: it is gone, or about to go. */
  async tell({ namespace = "", name }: ObjectKey, now: Present | undefined): Promise<void> {
    const key = `${namespace}/${name}`;
    const before = this.#known.get(key);
    if (before?.uid === now?.uid && before?.isAdmitted === now?.isAdmitted) return;
    if (now) this.#known.set(key, now);
    else this.#known.delete(key);
    const { cluster, gate, enqueue } = this.#options;
    const tenant = await cluster.list(KINDS.Driver, { namespace });
    const isCounted = before?.uid !== now?.uid && (await gate.countsDrivers(namespace));
    const concerned = isCounted ? tenant.map(({ metadata }) => metadata.name) : dependents(name, tenant);
    for (const other of concerned) if (other !== name) enqueue({ namespace, name: other });
    for (const caller of await foreignCallers(cluster, namespace, name)) enqueue(caller);
  }
}
