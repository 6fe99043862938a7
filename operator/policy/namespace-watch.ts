import { canonicalJson, type KubeObject } from "@vextir/api";

/** Tells when a namespace's labels are others: by them policies select it. */
export class NamespaceWatch {
  readonly #labels = new Map<string, string>();
  readonly #changed: (namespace: string) => void;

  constructor(changed: (namespace: string) => void) {
    this.#changed = changed;
  }

  /** Of a namespace that is gone the last labels stay known: one of its name that is made again differs, or is the same. */
  saw({ metadata }: KubeObject): void {
    const labels = canonicalJson(metadata.labels ?? {});
    if (this.#labels.get(metadata.name) === labels) return;
    this.#labels.set(metadata.name, labels);
    this.#changed(metadata.name);
  }
}
