import { hkdfSync } from "node:crypto";
import { CalloutBox } from "./callout-box.ts";
import { type NKeyKind, SigningKey } from "./nkey.ts";

/** What a key is for. Two purposes never share a key. */
export type KeyPurpose =
  | "operator"
  | "operator-signing"
  | "system-account"
  | "auth-account"
  | "vextir-account"
  | "bus-account"
  | "driver-account"
  | "account-signing"
  | "internal-user"
  | "callout-xkey"
  | "message-ids"
  | "next-master";

/**
 * Every key of the bus, derived from one master secret by HKDF-SHA256 over (purpose, uid, epoch): nothing but the master
 * has to be kept, and the same object gets the same key after a restart. A higher epoch makes another key.
 */
export class DerivedKeys {
  readonly #master: Uint8Array;

  /** @param master 32 random bytes. */
  constructor(master: Uint8Array) {
    if (master.length !== 32) throw new RangeError(`the master secret has 32 bytes, not ${master.length}`);
    this.#master = Uint8Array.from(master);
  }

  signing(kind: Exclude<NKeyKind, "curve">, purpose: KeyPurpose, uid = "", epoch = 1): SigningKey {
    return new SigningKey(kind, this.bytes(purpose, uid, epoch));
  }

  box(purpose: KeyPurpose): CalloutBox {
    return new CalloutBox(this.bytes(purpose, "", 1));
  }

  bytes(purpose: KeyPurpose, uid: string, epoch: number): Uint8Array {
    // JSON keeps ("a", "b") and ("a,b", "") apart.
    const info = JSON.stringify(["vextir/bus", purpose, uid, epoch]);
    return new Uint8Array(hkdfSync("sha256", this.#master, "", info, 32));
  }
}
