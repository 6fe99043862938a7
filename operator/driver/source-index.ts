import type { ObjectKey } from "../cluster.ts";

const textOf = ({ namespace, name }: ObjectKey) => `${namespace ?? ""}/${name}`;

/** Which drivers take their code from which ConfigMap. */
export class SourceIndex {
  readonly #configMapOf = new Map<string, string>();
  readonly #driversOf = new Map<string, Map<string, ObjectKey>>();

  /** `configMap` is the name in the driver's namespace; undefined: it refers to none, or is gone. */
  set(driver: ObjectKey, configMap: string | undefined): void {
    const key = textOf(driver);
    const before = this.#configMapOf.get(key);
    const after =
      configMap === undefined ? undefined : textOf({ namespace: driver.namespace ?? "", name: configMap });
    if (before === after) return;
    if (before !== undefined) {
      this.#driversOf.get(before)?.delete(key);
      if (this.#driversOf.get(before)?.size === 0) this.#driversOf.delete(before);
    }
    this.#configMapOf.delete(key);
    if (after === undefined) return;
    this.#configMapOf.set(key, after);
    this.#driversOf.set(after, (this.#driversOf.get(after) ?? new Map()).set(key, driver));
  }

  driversOf(configMap: ObjectKey): ObjectKey[] {
    return [...(this.#driversOf.get(textOf(configMap))?.values() ?? [])];
  }
}
