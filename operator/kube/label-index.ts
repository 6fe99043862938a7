import type { Entry } from "./object-cache.ts";

/** The objects of a cache by the value of one label, per namespace: thousands of Drivers each list what is theirs. */
export class LabelIndex {
  readonly #label: string;
  readonly #entries = new Map<string, Map<string, Entry>>();

  constructor(label: string, entries: Iterable<Entry>) {
    this.#label = label;
    for (const entry of entries) this.add(entry);
  }

  find(namespace: string, value: string): Iterable<Entry> {
    return this.#entries.get(`${namespace}/${value}`)?.values() ?? [];
  }

  add(entry: Entry): void {
    const place = this.#placeOf(entry);
    if (place === undefined) return;
    const found = this.#entries.get(place) ?? new Map<string, Entry>();
    found.set(entry.object.metadata.name, entry);
    this.#entries.set(place, found);
  }

  remove(entry: Entry): void {
    const place = this.#placeOf(entry);
    const found = place === undefined ? undefined : this.#entries.get(place);
    if (place === undefined || !found) return;
    found.delete(entry.object.metadata.name);
    if (found.size === 0) this.#entries.delete(place);
  }

  #placeOf({ object }: Entry): string | undefined {
    const { namespace = "", labels } = object.metadata;
    const value = labels?.[this.#label];
    return value === undefined ? undefined : `${namespace}/${value}`;
  }
}
