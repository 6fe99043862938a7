import { X509Certificate } from "node:crypto";
import { BACKDATED_MS, type KeyedCertificate } from "./certificate-check.ts";

/**
 * What signs the certificates of Vextir's own servers. To change it without an outage both are trusted before the new one
 * signs, and for a while after:
 *
 *     settled -> announced (`next` is trusted) -> overlapping (`next` signs, `previous` is trusted) -> settled
 */
export interface Authority {
  current: KeyedCertificate;
  next?: KeyedCertificate;
  /** Certificate alone: its key signs nothing any more. */
  previous?: string;
}

const HOUR_MS = 3_600_000;

/** Every pod has read the new one by then: the kubelet takes two minutes at most. */
const ANNOUNCED_MS = HOUR_MS;
/** What the old one signed is renewed at once; a client that took its trust from elsewhere has a day. */
const OVERLAP_MS = 24 * HOUR_MS;
/** Longer than any certificate that it signs. */
const RENEW_BEFORE_MS = 365 * 24 * HOUR_MS;

/** The step that is due now. */
export function dueStep(authority: Authority, now: number): "announce" | "switch" | "forget" | undefined {
  const { current, next, previous } = authority;
  if (next) return now >= madeAt(next.certificate) + ANNOUNCED_MS ? "switch" : undefined;
  if (previous !== undefined)
    return now >= madeAt(current.certificate) + ANNOUNCED_MS + OVERLAP_MS ? "forget" : undefined;
  const ends = Date.parse(new X509Certificate(current.certificate).validTo);
  return ends - now < RENEW_BEFORE_MS ? "announce" : undefined;
}

/** @throws RangeError when there is nothing to switch to. */
export function switched({ current, next }: Authority): Authority {
  if (!next) throw new RangeError("no next authority was announced");
  return { current: next, previous: current.certificate };
}

export const settled = ({ current }: Authority): Authority => ({ current });

/** Whether a change is under way: another one has to wait. */
export const isChanging = ({ next, previous }: Authority) => next !== undefined || previous !== undefined;

/** What clients trust, as PEM. */
export function bundleOf({ current, next, previous }: Authority): string {
  const trusted = [current.certificate, next?.certificate, previous];
  return bundle(trusted.filter((certificate) => certificate !== undefined));
}

/** Certificates one after the other, each ended by a line break. */
export const bundle = (certificates: readonly string[]) =>
  certificates
    .map((certificate) => certificate.trim())
    .filter((certificate) => certificate !== "")
    .map((certificate) => `${certificate}\n`)
    .join("");

const madeAt = (certificate: string) => Date.parse(new X509Certificate(certificate).validFrom) + BACKDATED_MS;
