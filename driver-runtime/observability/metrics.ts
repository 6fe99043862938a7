import { Counter, Gauge, Histogram, type Metric, Registry } from "prom-client";

/** Metrics of the driver's own, served with the runtime's at `/metrics`. Asked for twice, a name gives the same metric. */
export interface Metrics {
  readonly registry: Registry;
  counter<L extends string = string>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  gauge<L extends string = string>(name: string, help: string, labels?: readonly L[]): Gauge<L>;
  /** Buckets in seconds by default 1 ms to 60 s. */
  histogram<L extends string = string>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: number[],
  ): Histogram<L>;
}

const SECONDS = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60];

/** One registry for the runtime's metrics and the driver's own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  const once = <M extends Metric>(name: string, make: () => M): M =>
    (registry.getSingleMetric(name) as M | undefined) ?? make();
  const config = <L extends string>(name: string, help: string, labels: readonly L[] = []) => ({
    name,
    help,
    labelNames: labels as L[],
    registers: [registry],
  });
  return {
    registry,
    counter: (name, help, labels) => once(name, () => new Counter(config(name, help, labels))),
    gauge: (name, help, labels) => once(name, () => new Gauge(config(name, help, labels))),
    histogram: (name, help, labels, buckets = SECONDS) =>
      once(name, () => new Histogram({ ...config(name, help, labels), buckets })),
  };
}
