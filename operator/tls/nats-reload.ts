import { X509Certificate } from "node:crypto";
import type { Logger } from "pino";
import { presentedBy } from "./presented.ts";

export interface NatsReloadOptions {
  /** Of every server by itself. */
  servers: readonly { host: string; port: number }[];
  /** Lets the server with this id read its files again. @throws BusError */
  reload: (serverId: string) => Promise<void>;
  log: Pick<Logger, "info" | "warn">;
}

export type ReloadOutcome = "current" | "waiting";

/**
 * Lets every server that shows another certificate than this one read its files again. The kubelet brings it the files in its
 * own time, so this is asked again until all of them show it. Connections live on.
 */
export async function takeCertificate(
  { servers, reload, log }: NatsReloadOptions,
  certificate: string,
  signal: AbortSignal,
): Promise<ReloadOutcome> {
  const wanted = new X509Certificate(certificate).fingerprint256;
  let outcome: ReloadOutcome = "current";
  for (const { host, port } of servers) {
    if (signal.aborted) return "waiting";
    try {
      const { serverId, fingerprint } = await presentedBy(host, port);
      if (fingerprint === wanted) continue;
      await reload(serverId);
      const now = await presentedBy(host, port);
      if (now.fingerprint === wanted) log.info({ server: host }, "a NATS server has the renewed certificate");
      else outcome = "waiting";
    } catch (err) {
      log.warn({ err, server: host }, "a NATS server could not be told of its renewed certificate yet");
      outcome = "waiting";
    }
  }
  return outcome;
}
