import { Gauge, type Registry } from "prom-client";

/** What every replica tells of itself. */
export function replicaMetrics(
  registry: Registry,
  asked: { isLeading: () => boolean; isBusOnline: () => boolean },
): void {
  gauge(registry, "vextir_leader", "1 where this replica leads.", asked.isLeading);
  gauge(registry, "vextir_bus_online", "1 while the auth callout can be asked.", asked.isBusOnline);
}

/** What the leader holds in memory. */
export function leaderMetrics(
  registry: Registry,
  cluster: { caches(): { plural: string; objects: number }[] },
): void {
  new Gauge({
    name: "vextir_cached_objects",
    help: "Objects of the API server in memory.",
    labelNames: ["kind"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { plural, objects } of cluster.caches()) this.inc({ kind: plural }, objects);
    },
  });
}

function gauge(registry: Registry, name: string, help: string, isTrue: () => boolean): void {
  new Gauge({
    ...{ name, help },
    registers: [registry],
    collect() {
      this.set(Number(isTrue()));
    },
  });
}
