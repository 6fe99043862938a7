import type { Logger } from "pino";
import { pause, type Timing } from "../timing.ts";
import type { Certificates } from "./certificates.ts";
import { type NatsReloadOptions, takeCertificate } from "./nats-reload.ts";

export interface CertificateKeeperOptions {
  certificates: Certificates;
  /** Absent: servers of one's own, with certificates of one's own. */
  nats?: Omit<NatsReloadOptions, "log">;
  /** Lets people know whom to trust. */
  publish: (trusted: string) => Promise<void>;
  log: Pick<Logger, "info" | "warn">;
  timing: Timing;
  /** Between two looks. Default: a minute. */
  everyMs?: number;
}

/** As often as the kubelet looks. */
export const FOLLOW_CERTIFICATES_MS = 60_000;

/** The leader's part: renews what ends, and sees to it that nats-server shows it. Until aborted. Never rejects. */
export async function keepCertificates(
  options: CertificateKeeperOptions,
  signal: AbortSignal,
): Promise<void> {
  const { certificates, nats, publish, log, timing, everyMs = FOLLOW_CERTIFICATES_MS } = options;
  let taken = "";
  let published = "";
  while (!signal.aborted) {
    try {
      const { certificate, trusted } = await certificates.ensure();
      if (trusted !== published) await publish(trusted);
      published = trusted;
      if (nats && certificate !== taken) {
        const outcome = await takeCertificate({ ...nats, log }, certificate, signal);
        if (outcome === "current") taken = certificate;
      }
    } catch (err) {
      log.warn({ err }, "the certificates could not be looked after; trying again");
    }
    await pause(timing, everyMs, signal);
  }
}
