import { readFileSync } from "node:fs";
import type { experimental } from "@grpc/grpc-js";

type Listener = (authorities: { caCertificate: Buffer } | null) => void;

const LOOK_MS = 30_000;

/** Whom the hub's certificate is known by, as the kubelet projects it: it changes while an authority is replaced. Keeps no process alive. */
export class TrustedFile implements experimental.CertificateProvider {
  readonly #path: string;
  readonly #everyMs: number;
  readonly #listeners = new Map<Listener, NodeJS.Timeout>();
  #known: { caCertificate: Buffer } | null = null;

  /** `everyMs`: between two looks; default half a minute. */
  constructor(path: string, everyMs = LOOK_MS) {
    this.#path = path;
    this.#everyMs = everyMs;
  }

  addCaCertificateListener(listener: Listener): void {
    const look = () => listener(this.#read());
    const looking = setInterval(look, this.#everyMs);
    looking.unref();
    this.#listeners.set(listener, looking);
    process.nextTick(look);
  }

  removeCaCertificateListener(listener: Listener): void {
    clearInterval(this.#listeners.get(listener));
    this.#listeners.delete(listener);
  }

  /** Drivers show a token and no certificate. */
  addIdentityCertificateListener(): void {}
  removeIdentityCertificateListener(): void {}

  /** What was read before stays while the file can't be read. */
  #read(): { caCertificate: Buffer } | null {
    try {
      this.#known = { caCertificate: readFileSync(this.#path) };
    } catch {
      // The kubelet swaps the file by a rename: the next look finds it.
    }
    return this.#known;
  }
}
