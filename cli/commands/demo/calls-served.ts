import { LocalError } from "../../local/local-error.ts";

const COUNTER = /^vextir_driver_calls_served_total(\{[^}]*\})? (\d+)/;

/** Calls that a driver has answered, by its metrics. @throws LocalError `Refused` when it has none. */
export async function callsServed(healthUrl: string | undefined): Promise<number> {
  if (healthUrl === undefined) throw new LocalError("Refused", "a driver is no longer ready");
  const response = await fetch(`${healthUrl}/metrics`, { signal: AbortSignal.timeout(5_000) });
  const lines = (await response.text()).split("\n");
  return lines.reduce((sum, line) => sum + Number(COUNTER.exec(line)?.[2] ?? 0), 0);
}
