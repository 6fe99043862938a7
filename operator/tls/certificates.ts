import { KEYS, SECRETS } from "../bootstrap/names.ts";
import type { OwnSecrets } from "../bootstrap/secrets.ts";
import type { Clock } from "../clock.ts";
import { bundle } from "./authority.ts";
import { AuthorityStore } from "./authority-store.ts";
import { ensureLeaf, type Leaf } from "./leaf.ts";

/** What nats-server and its clients go by, as PEM. */
export interface BusCertificate {
  /** Whom clients trust. */
  trusted: string;
  /** What servers show. */
  certificate: string;
}

/** Whoever makes the certificates of the chart's servers. Throws ClusterError. */
export interface Certificates {
  /** For any replica; undefined while they are not there. */
  read(): Promise<BusCertificate | undefined>;
  /** For the leader. @throws TypeError when they are not there and nobody here makes them. */
  ensure(): Promise<BusCertificate>;
}

/** Made by somebody else, for example cert-manager: only read here. */
export class GivenCertificates implements Certificates {
  readonly #secrets: OwnSecrets;
  readonly #alsoTrusted: string;

  /** @param alsoTrusted PEM of authorities that clients trust beside: the one that is to follow, or the one before. */
  constructor(secrets: OwnSecrets, alsoTrusted = "") {
    this.#secrets = secrets;
    this.#alsoTrusted = alsoTrusted;
  }

  async read(): Promise<BusCertificate | undefined> {
    const data = await this.#secrets.read(SECRETS.natsTls);
    const [certificate, authority] = [data?.[KEYS.certificate], data?.[KEYS.authority]];
    if (!certificate?.length || !authority?.length) return undefined;
    return {
      certificate: certificate.toString(),
      trusted: bundle([authority.toString(), this.#alsoTrusted]),
    };
  }

  async ensure(): Promise<BusCertificate> {
    const found = await this.read();
    if (found) return found;
    throw new TypeError(
      `Secret ${SECRETS.natsTls} has no ${KEYS.certificate} and ${KEYS.authority} yet: see the Certificate of that name`,
    );
  }
}

/** Made by the operator, with an authority of its own. */
export class OwnCertificates extends GivenCertificates {
  readonly #parts: { secrets: OwnSecrets; leaves: readonly Leaf[]; clock: Clock };

  constructor(parts: { secrets: OwnSecrets; leaves: readonly Leaf[]; clock: Clock }) {
    super(parts.secrets);
    this.#parts = parts;
  }

  override async ensure(): Promise<BusCertificate> {
    const { secrets, leaves, clock } = this.#parts;
    const now = clock.now();
    const authority = await new AuthorityStore(secrets).ensure(now);
    for (const leaf of leaves) await ensureLeaf(secrets, authority, leaf, now);
    return super.ensure();
  }
}
