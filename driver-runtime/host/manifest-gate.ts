import { setTimeout as delay } from "node:timers/promises";
import { type Manifest, type ManifestReport, ManifestVerdict, manifestHash, subjects } from "@vextir/api";
import type { Logger } from "pino";
import { isFailure, type Link } from "../bus/link.ts";

export interface Gate {
  link: Link;
  pod: string;
  templateHash: string;
  /** Hash of the manifest that needs no answer. */
  accepted?: string | undefined;
  log: Logger;
  signal: AbortSignal;
}

const TIMEOUT_MS = 5_000;
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;

export const isAccepted = (manifest: Manifest, accepted: string | undefined) =>
  accepted !== undefined && manifestHash(manifest) === accepted;

/**
 * Reports what the code says of itself and waits until the operator accepts it: its configuration fits, its needs are
 * granted. Asks again for ever; `waiting` is told why. Resolves false when the signal aborts.
 */
export async function passGate(
  manifest: Manifest,
  gate: Gate,
  waiting: (why: string) => void,
): Promise<boolean> {
  if (isAccepted(manifest, gate.accepted)) return true;
  let told = "";
  for (let waitMs = FIRST_WAIT_MS; !gate.signal.aborted; waitMs = Math.min(MAX_WAIT_MS, waitMs * 2)) {
    const verdict = await report(manifest, gate);
    if (verdict.accepted) {
      gate.log.info({ manifest: manifestHash(manifest) }, "the operator accepted the manifest");
      return true;
    }
    const why = `${verdict.reason}: ${verdict.message}`;
    waiting(why);
    if (why !== told)
      gate.log.warn({ reason: verdict.reason, detail: verdict.message }, "not accepted yet; asking again");
    told = why;
    await delay(waitMs, undefined, { signal: gate.signal }).catch(() => {});
  }
  return false;
}

/** One report and its answer; a missing answer is a verdict too. */
export async function report(
  manifest: Manifest,
  { link, pod, templateHash }: Gate,
): Promise<ManifestVerdict> {
  const body: ManifestReport = { pod, templateHash, manifest };
  const answer = await link.request(subjects.report, JSON.stringify(body), { timeoutMs: TIMEOUT_MS });
  if (isFailure(answer))
    return { accepted: false, reason: "OperatorSilent", message: `the operator does not answer (${answer})` };
  try {
    return ManifestVerdict.parse(answer.json());
  } catch {
    return { accepted: false, reason: "OperatorUnclear", message: "the operator's answer could not be read" };
  }
}
