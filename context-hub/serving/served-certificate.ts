import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createSecureContext } from "node:tls";
import type { experimental } from "@grpc/grpc-js";

type Listener = (certificate: { certificate: Buffer; privateKey: Buffer } | null) => void;

/** As often as the egress proxy looks. */
const LOOK_MS = 10_000;

export interface ServedCertificateOptions {
  /** Of tls.crt and tls.key. */
  folder: string;
  log: { info(about: object, message: string): void; warn(about: object, message: string): void };
  /** Default: ten seconds. */
  everyMs?: number;
}

/** The certificate that the kubelet projects, as it is renewed; one that can't be used changes nothing. */
export class ServedCertificate implements experimental.CertificateProvider {
  readonly #options: ServedCertificateOptions;
  readonly #listeners = new Set<Listener>();
  readonly #looking: NodeJS.Timeout;
  #known: { certificate: Buffer; privateKey: Buffer };

  /** @throws when there is none, or the key is another's. */
  constructor(options: ServedCertificateOptions) {
    this.#options = options;
    this.#known = this.#read();
    this.#looking = setInterval(() => this.#look(), options.everyMs ?? LOOK_MS);
    this.#looking.unref();
  }

  stop(): void {
    clearInterval(this.#looking);
  }

  addIdentityCertificateListener(listener: Listener): void {
    this.#listeners.add(listener);
    process.nextTick(() => listener(this.#known));
  }

  removeIdentityCertificateListener(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Callers show a token and no certificate. */
  addCaCertificateListener(): void {}
  removeCaCertificateListener(): void {}

  #read() {
    const [certificate, privateKey] = ["tls.crt", "tls.key"].map((file) =>
      readFileSync(join(this.#options.folder, file)),
    ) as [Buffer, Buffer];
    createSecureContext({ cert: certificate, key: privateKey });
    return { certificate, privateKey };
  }

  #look(): void {
    try {
      const found = this.#read();
      const { certificate, privateKey } = this.#known;
      if (found.certificate.equals(certificate) && found.privateKey.equals(privateKey)) return;
      this.#known = found;
      for (const listener of this.#listeners) listener(found);
      this.#options.log.info({}, "the renewed certificate is in use");
    } catch (err) {
      // The kubelet swaps both files at once; a look in between finds one of each.
      this.#options.log.warn({ err }, "the certificate could not be renewed; the old one stays");
    }
  }
}
