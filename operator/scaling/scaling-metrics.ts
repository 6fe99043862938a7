import { Counter, Gauge, type Registry } from "prom-client";
import type { ScalingReason } from "./decide.ts";
import type { DriverScaler } from "./driver-scaler.ts";

/** What the operator tells Prometheus of scaled drivers. */
export function scalingMetrics(registry: Registry, scalers: () => readonly DriverScaler[]) {
  const registers = [registry];
  const labelNames = ["namespace", "driver"];
  new Gauge({
    name: "vextir_scaling_lag",
    help: "Events of a scaled driver, as read last: Pending (given to nobody yet), InFlight (in hand, or waiting for the next attempt), Redelivered (of those in flight).",
    labelNames: [...labelNames, "state"],
    registers,
    collect() {
      this.reset();
      for (const { driver, lag } of scalers()) {
        if (!lag) continue;
        const labels = { namespace: driver.namespace, driver: driver.name };
        this.set({ ...labels, state: "Pending" }, lag.pending);
        this.set({ ...labels, state: "InFlight" }, lag.inFlight);
        this.set({ ...labels, state: "Redelivered" }, lag.redelivered);
      }
    },
  });
  new Gauge({
    name: "vextir_scaling_replicas",
    help: "Pods that the autoscaler wants of a driver.",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { driver, replicas } of scalers())
        this.set({ namespace: driver.namespace, driver: driver.name }, replicas);
    },
  });
  new Gauge({
    name: "vextir_scaling_lag_unknown",
    help: "1: the lag of the driver could not be read several times.",
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const { driver, trouble } of scalers())
        this.set({ namespace: driver.namespace, driver: driver.name }, trouble === undefined ? 0 : 1);
    },
  });
  const decisions = new Counter({
    name: "vextir_scaling_decisions_total",
    help: "Changes of a driver's pods by the autoscaler, by direction and reason.",
    labelNames: [...labelNames, "direction", "reason"],
    registers,
  });
  return {
    decided: (driver: { namespace: string; name: string }, from: number, to: number, reason: ScalingReason) =>
      decisions.inc({
        namespace: driver.namespace,
        driver: driver.name,
        direction: to > from ? "Up" : "Down",
        reason,
      }),
  };
}
