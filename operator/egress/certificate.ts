import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pause, systemTiming, type Timing } from "../timing.ts";

export interface Certificate {
  cert: string;
  key: string;
}

const LOOK_MS = 10_000;

/** The certificate that the kubelet projects. @throws when it is not there. */
export async function readCertificate(folder: string): Promise<Certificate> {
  const [cert, key] = await Promise.all(
    ["tls.crt", "tls.key"].map((file) => readFile(join(folder, file), "utf8")),
  );
  return { cert: cert ?? "", key: key ?? "" };
}

/** Calls `renewed` whenever the files hold another certificate, until the signal is aborted. Never rejects. */
export async function followCertificate(
  folder: string,
  first: Certificate,
  renewed: (certificate: Certificate) => void,
  {
    log,
    signal,
    timing = systemTiming,
  }: {
    log: { info(message: string): void; warn(about: object, message: string): void };
    signal: AbortSignal;
    timing?: Timing;
  },
): Promise<void> {
  let known = first;
  while (!signal.aborted) {
    await pause(timing, LOOK_MS, signal);
    if (signal.aborted) return;
    try {
      const found = await readCertificate(folder);
      if (found.cert === known.cert && found.key === known.key) continue;
      renewed(found);
      known = found;
      log.info("the renewed certificate is in use");
    } catch (err) {
      // The kubelet swaps both files at once; a look in between, or a bad pair, changes nothing.
      log.warn({ err }, "the certificate could not be renewed; the old one stays");
    }
  }
}
