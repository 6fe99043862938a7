import { KEYS } from "../bootstrap/names.ts";
import type { OwnSecrets, SecretData } from "../bootstrap/secrets.ts";
import { type Authority, bundleOf } from "./authority.ts";
import { type CertificateNames, isGood } from "./certificate-check.ts";

/** A server's certificate and where it is kept: `tls.crt`, `tls.key`, and whom it trusts in `ca.crt`. */
export interface Leaf {
  secret: string;
  names: CertificateNames;
}

/** Needed once in ninety days: an operator that finds its certificates must not carry what makes them. */
const loadIssuer = () => import("./issuing.ts");

/**
 * Makes or renews the certificate where it is absent, ends soon, lacks a name or was signed by another authority. It is made
 * anew too when others are trusted than before: so that who shows the new one is known to have read both.
 */
export async function ensureLeaf(
  secrets: OwnSecrets,
  authority: Authority,
  { secret, names }: Leaf,
  now: number,
): Promise<void> {
  const trusted = bundleOf(authority);
  const isWanted = (data: SecretData) =>
    data[KEYS.authority]?.toString() === trusted &&
    isGood(data[KEYS.certificate]?.toString() ?? "", authority.current, names, now);
  const make = async () => {
    const { issueCertificate } = await loadIssuer();
    const { certificate, privateKey } = await issueCertificate(authority.current, names, now);
    return {
      [KEYS.certificate]: Buffer.from(certificate),
      [KEYS.privateKey]: Buffer.from(privateKey),
      [KEYS.authority]: Buffer.from(trusted),
    };
  };
  const found = await secrets.readOrCreate(secret, make);
  if (!isWanted(found)) await secrets.write(secret, await make());
}
