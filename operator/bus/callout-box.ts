import nacl from "tweetnacl";
import { decodePublicKey, encodePublicKey } from "./nkey.ts";

/** Begins every message that an xkey encrypted. */
const VERSION = Buffer.from("xkv1");
const NONCE_BYTES = nacl.box.nonceLength;
const MAX_SERVERS = 64;

/**
 * The callout's side of the encryption between it and nats-server (an xkey of NATS: Curve25519, XSalsa20-Poly1305). The
 * key that it shares with a server is computed once, not twice in every connect as the client library does: that took
 * 40 ms each, 40 s of a processor when a thousand pods came back at once (measured).
 */
export class CalloutBox {
  readonly publicKey: string;
  readonly #secret: Uint8Array;
  /** By the server's public key, which it makes anew at each start. */
  readonly #shared = new Map<string, Uint8Array>();

  /** @param secret 32 bytes. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
    this.publicKey = encodePublicKey("curve", nacl.box.keyPair.fromSecretKey(secret).publicKey);
  }

  /** Undefined when it was not encrypted by this sender for us. */
  open(message: Uint8Array, sender: string): Uint8Array | undefined {
    const body = message.subarray(VERSION.length + NONCE_BYTES);
    if (body.length === 0 || !VERSION.equals(message.subarray(0, VERSION.length))) return undefined;
    const shared = this.sharedWith(sender);
    const nonce = message.subarray(VERSION.length, VERSION.length + NONCE_BYTES);
    return (shared && nacl.box.open.after(body, nonce, shared)) ?? undefined;
  }

  /** @throws RangeError when the recipient's is no curve key. */
  seal(message: Uint8Array, recipient: string): Uint8Array {
    const shared = this.sharedWith(recipient);
    if (!shared) throw new RangeError(`"${recipient}" is no public curve key`);
    const nonce = nacl.randomBytes(NONCE_BYTES);
    return Buffer.concat([VERSION, nonce, nacl.box.after(message, nonce, shared)]);
  }

  private sharedWith(other: string): Uint8Array | undefined {
    const known = this.#shared.get(other);
    if (known) return known;
    const key = decodePublicKey("curve", other);
    if (!key) return undefined;
    if (this.#shared.size >= MAX_SERVERS) this.#shared.clear();
    const made = nacl.box.before(key, this.#secret);
    this.#shared.set(other, made);
    return made;
  }
}
