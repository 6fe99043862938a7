import type { ManifestVerdict } from "@vextir/api";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";

/** What the operator tells Prometheus of Drivers. */
export function driverMetrics(registry: Registry, cluster: Cluster) {
  const registers = [registry];
  const verdicts = new Counter({
    name: "vextir_manifest_verdicts_total",
    help: "Reported manifests, by what was decided.",
    labelNames: ["reason"],
    registers,
  });
  new Gauge({
    name: "vextir_drivers",
    help: "Drivers, by class and by their condition Ready.",
    labelNames: ["class", "ready"],
    registers,
    async collect() {
      this.reset();
      for (const { spec, status } of await cluster.list(KINDS.Driver)) {
        const ready = status?.conditions?.find((condition) => condition.type === "Ready");
        this.inc({ class: spec.class, ready: ready?.status ?? "Unknown" });
      }
    },
  });
  return { judged: ({ reason }: ManifestVerdict) => verdicts.inc({ reason }) };
}
