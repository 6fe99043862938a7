/** Of all tenants together; each takes some fifty bytes. */
const MOST = 500_000;
/** Another replica may have erased some: then they are written anew. */
const KEPT_MS = 10 * 60_000;

/** Words that are known to be stored: most words of a text were written before, and asking the store costs more than all the rest. */
export class KnownWords {
  #words = new Map<string, Set<string>>();
  #count = 0;
  #since = 0;

  /** Those that are not known to be stored, and from now on are: whoever fails to store them forgets the tenant's. */
  unknown(tenant: string, words: ReadonlySet<string>, nowMs: number): string[] {
    if (this.#count > MOST || nowMs - this.#since > KEPT_MS) {
      this.#words = new Map();
      this.#count = 0;
      this.#since = nowMs;
    }
    const known = this.#words.get(tenant) ?? new Set();
    this.#words.set(tenant, known);
    const fresh = [...words].filter((word) => !known.has(word));
    for (const word of fresh) known.add(word);
    this.#count += fresh.length;
    return fresh;
  }

  forget(tenant: string): void {
    this.#words.delete(tenant);
  }
}
