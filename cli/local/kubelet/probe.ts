import { get } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import type { Probe } from "@vextir/operator/workloads.ts";

/** While a pod has not become ready yet it is asked this often: people wait for it. */
const STARTING_INTERVAL_MS = 100;
/** The kubelet's own defaults are 10 s; this machine has few pods. */
const DEFAULT_PERIOD_SECONDS = 1;
const DEFAULT_FAILURES = 3;

/** Asks an HTTP probe until aborted and tells each change of its answer. It begins as failing. */
export async function watchProbe(
  probe: Probe,
  port: number,
  changed: (passes: boolean) => void,
  signal: AbortSignal,
): Promise<void> {
  const path = probe.httpGet?.path ?? "/";
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1_000;
  let passes = false;
  let failures = 0;
  while (!signal.aborted) {
    const answer: boolean = await ask(port, path, timeoutMs, signal);
    if (signal.aborted) return;
    failures = answer ? 0 : failures + 1;
    const now: boolean = answer || (passes && failures < (probe.failureThreshold ?? DEFAULT_FAILURES));
    if (now !== passes) changed(now);
    passes = now;
    const interval = passes ? (probe.periodSeconds ?? DEFAULT_PERIOD_SECONDS) * 1_000 : STARTING_INTERVAL_MS;
    await pause(interval, undefined, { signal }).catch(() => {});
  }
}

function ask(port: number, path: string, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(
      { host: "127.0.0.1", port, path, agent: false, timeout: timeoutMs, signal },
      (response) => {
        const status = response.statusCode ?? 0;
        // The status is the answer; the body, which may be of any size, is not read.
        response.destroy();
        resolve(status >= 200 && status < 400);
      },
    );
    request.once("timeout", () => request.destroy());
    request.once("error", () => resolve(false));
    request.once("close", () => resolve(false));
  });
}
