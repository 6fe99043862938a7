import type { BusAuthority } from "../bus/authority.ts";
import type { ObjectKey } from "../cluster.ts";

const textOf = ({ namespace = "", name }: ObjectKey) => `${namespace}/${name}`;

/** Which Driver of a name has something on the bus: who is gone without having been cleaned up after leaves nothing to the next. */
export class Succession {
  readonly #bus: BusAuthority;
  /** Uids, by `<namespace>/<name>`. */
  readonly #onBus = new Map<string, string>();

  constructor({ bus }: { bus: BusAuthority }) {
    this.#bus = bus;
  }

  /** `uid`: of the Driver that there is now. A predecessor's finalizer was removed by hand. @throws BusError */
  async follow(key: ObjectKey, uid: string | undefined): Promise<void> {
    const before = this.#onBus.get(textOf(key));
    if (before !== undefined && before !== uid) {
      const driver = { namespace: key.namespace ?? "", name: key.name, uid: before };
      await (uid === undefined ? this.#bus.removeDriver(driver) : this.#bus.removeDriverAccount(driver));
    }
    if (uid === undefined) this.forget(key);
    else this.#onBus.set(textOf(key), uid);
  }

  /** It was cleaned up after. */
  forget(key: ObjectKey): void {
    this.#onBus.delete(textOf(key));
  }
}
