import type { ObjectKey } from "../cluster.ts";

interface Entry {
  policies: readonly string[];
  refusedBy: ReadonlySet<string>;
}

/** What was decided about each Driver, so that policies can tell. */
export class AdmissionLedger {
  readonly #entries = new Map<string, Entry>();
  readonly #changed: (policy: string) => void;

  /** `changed`: the counts of the policy of this name are others. */
  constructor(changed: (policy: string) => void) {
    this.#changed = changed;
  }

  set(driver: ObjectKey, policies: readonly string[], refusedBy: ReadonlySet<string> = new Set()): void {
    this.#replace(keyOf(driver), policies.length > 0 ? { policies, refusedBy } : undefined);
  }

  forget(driver: ObjectKey): void {
    this.#replace(keyOf(driver), undefined);
  }

  count(policy: string): { drivers: number; refused: number } {
    const held = [...this.#entries.values()].filter(({ policies }) => policies.includes(policy));
    const refused = held.filter(({ refusedBy }) => refusedBy.has(policy));
    return { drivers: held.length, refused: refused.length };
  }

  #replace(key: string, entry: Entry | undefined): void {
    const before = this.#entries.get(key);
    if (entry) this.#entries.set(key, entry);
    else this.#entries.delete(key);
    const names = new Set([...(before?.policies ?? []), ...(entry?.policies ?? [])]);
    for (const name of names) if (stateOf(before, name) !== stateOf(entry, name)) this.#changed(name);
  }
}

const keyOf = ({ namespace, name }: ObjectKey) => `${namespace ?? ""}/${name}`;

const stateOf = (entry: Entry | undefined, policy: string) =>
  entry?.policies.includes(policy) ? (entry.refusedBy.has(policy) ? "refused" : "admitted") : "free";
