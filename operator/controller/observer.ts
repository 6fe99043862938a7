import { Counter, Gauge, Histogram, type Registry } from "prom-client";

export type Outcome =
  | "done"
  | "requeued"
  /** Retried with backoff. */
  | "failed"
  /** Not retried. */
  | "terminal";

/** Told what a controller does. */
export interface ControllerObserver {
  started(waitedMs: number): void;
  finished(outcome: Outcome, tookMs: number): void;
}

/** Reports to Prometheus. `depth` is asked at each scrape. */
export function controllerMetrics(
  registry: Registry,
): (controller: string, depth: () => number) => ControllerObserver {
  const registers = [registry];
  const labelNames = ["controller"] as const;
  const runs = new Counter({
    name: "vextir_reconcile_total",
    help: "Runs by outcome.",
    labelNames: ["controller", "outcome"],
    registers,
  });
  const took = new Histogram({
    name: "vextir_reconcile_duration_seconds",
    help: "Time that a run took.",
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    labelNames,
    registers,
  });
  const waited = new Histogram({
    name: "vextir_queue_wait_seconds",
    help: "Time between a key's being ready and its run.",
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    labelNames,
    registers,
  });
  const depths = new Map<string, () => number>();
  new Gauge({
    name: "vextir_queue_depth",
    help: "Keys that are ready to run.",
    labelNames,
    registers,
    collect() {
      for (const [controller, depth] of depths) this.set({ controller }, depth());
    },
  });
  return (controller, depth) => {
    depths.set(controller, depth);
    return {
      started: (waitedMs) => waited.observe({ controller }, waitedMs / 1000),
      finished(outcome, tookMs) {
        runs.inc({ controller, outcome });
        took.observe({ controller }, tookMs / 1000);
      },
    };
  };
}
