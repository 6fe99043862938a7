import type { Logger } from "pino";
import { Counter, Histogram, type Registry } from "prom-client";
import type { Bootstrapped } from "./bootstrap/bootstrap.ts";
import {
  type AuthCallout,
  type BusEndpoint,
  type DriverIndex,
  startAuthCallout,
  type TokenVerifier,
} from "./bus/index.ts";

export interface AdmissionOptions {
  verifier: TokenVerifier;
  metrics: Registry;
  log: Logger;
}

/** What every replica does: it tells nats-server who a connection is. */
export class Admission {
  readonly #options: AdmissionOptions;
  readonly #decisions: Counter;
  readonly #took: Histogram;
  #callout: AuthCallout | undefined;

  constructor(options: AdmissionOptions) {
    this.#options = options;
    this.#decisions = new Counter({
      name: "vextir_bus_connections_total",
      help: "Connections that asked to be let in, by what was decided.",
      labelNames: ["outcome"],
      registers: [options.metrics],
    });
    this.#took = new Histogram({
      name: "vextir_bus_connection_decision_duration_seconds",
      help: "Time from nats-server's question who a connection is until the answer.",
      // nats-server waits three seconds.
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
      registers: [options.metrics],
    });
  }

  get isStarted(): boolean {
    return this.#callout !== undefined;
  }

  get isBusOnline(): boolean {
    return this.#callout?.isOnline ?? false;
  }

  /** Serves from now on, whenever the bus is there. A second call changes nothing. */
  start(endpoint: BusEndpoint, { realm }: Bootstrapped, drivers: DriverIndex): void {
    const { verifier, log } = this.#options;
    this.#callout ??= startAuthCallout({
      ...endpoint,
      ...{ realm, verifier, drivers, log },
      decided: (outcome) => this.#decisions.inc({ outcome }),
      answered: (tookMs) => this.#took.observe(tookMs / 1e3),
    });
  }

  async stop(): Promise<void> {
    await this.#callout?.stop();
  }
}
