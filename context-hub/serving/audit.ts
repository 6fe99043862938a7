import type { Logger } from "pino";
import type { Counter, Histogram } from "prom-client";
import type { ServeOptions } from "../rpc/serve.ts";

/** Who was refused what; and what the hub itself failed at. */
export function endedCalls(
  log: Pick<Logger, "warn" | "error" | "info">,
  metrics?: { calls: Counter<"method" | "code">; seconds: Histogram<"method"> },
): NonNullable<ServeOptions["ended"]> {
  return ({ method, caller, error, ms }) => {
    metrics?.calls.inc({ method, code: error?.code ?? "OK" });
    metrics?.seconds.observe({ method }, ms / 1_000);
    const who = { method, tenant: caller?.tenant, driver: caller?.driver, user: caller?.user };
    if (error?.code === "PERMISSION_DENIED" || error?.code === "UNAUTHENTICATED")
      log.warn({ audit: "refused", code: error.code, reason: error.message, ...who }, "refused");
    else if (error?.code === "INTERNAL" || error?.code === "UNAVAILABLE")
      log.error({ err: error.cause ?? error, ...who }, error.message);
    else if (!error && (method === "Erase" || method === "Export" || method === "Import"))
      log.info({ audit: "done", ...who }, method);
  };
}
