import { X509Certificate } from "node:crypto";

/** A certificate and its key, as PEM. */
export interface KeyedCertificate {
  certificate: string;
  privateKey: string;
}

export interface CertificateNames {
  dns: readonly string[];
  ip?: readonly string[];
}

/** Clocks of machines differ: a certificate begins this long before it is made. */
export const BACKDATED_MS = 3_600_000;
/** Of its ninety days: a month in which an operator that can't renew it is noticed. */
const MARGIN_MS = 30 * 86_400_000;

/** Whether the authority signed the certificate for these names, and it is good for another month. */
export function isGood(
  certificate: string,
  authority: Pick<KeyedCertificate, "certificate">,
  names: CertificateNames,
  now: number,
): boolean {
  try {
    const found = new X509Certificate(certificate);
    const issuer = new X509Certificate(authority.certificate);
    const known = new Set((found.subjectAltName ?? "").split(", "));
    const wanted = [
      ...names.dns.map((name) => `DNS:${name}`),
      ...(names.ip ?? []).map((address) => `IP Address:${address}`),
    ];
    if (!wanted.every((name) => known.has(name))) return false;
    // Not yet valid: made by a clock that was ahead.
    if (Date.parse(found.validFrom) > now || Date.parse(found.validTo) - now < MARGIN_MS) return false;
    return found.checkIssued(issuer) && found.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
