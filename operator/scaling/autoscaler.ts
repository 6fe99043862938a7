import type { ScalingReport } from "@vextir/api";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { PodsInHand } from "../bus/pods-in-hand.ts";
import type { TenantSights } from "../bus/tenant-sight.ts";
import type { Clock } from "../clock.ts";
import { type Cluster, ClusterError, type ObjectKey } from "../cluster.ts";
import { KINDS } from "../kinds.ts";
import { pause, type Timing } from "../timing.ts";
import type { Decision } from "./decide.ts";
import { DriverScaler, type Times } from "./driver-scaler.ts";
import { PodsToGo } from "./pods-to-go.ts";
import type { ScaledDriver } from "./scaled-driver.ts";
import { scalingMetrics } from "./scaling-metrics.ts";
import { TenantScaler } from "./tenant-scaler.ts";

export interface AutoscalerOptions {
  cluster: Cluster;
  sights: TenantSights;
  inHand: PodsInHand;
  /** The driver's reconciler is to look again. */
  enqueue: (driver: ObjectKey) => void;
  /** Consumers are gone: they are to be made again, each after what was acknowledged. */
  missing: (driver: ScaledDriver, consumers: ReadonlyMap<string, number>) => void;
  timing: Timing;
  clock: Clock;
  metrics: Registry;
  log: Logger;
}

/** How finely drivers fall due. */
const TICK_MS = 100;

/**
 * Decides how many pods the drivers with `spec.scaling` have, and nobody else does. Their reconciler tells it of each (`observe`) and asks
 * how many are wanted; when that changes the reconciler is called. It knows what it has seen since this leader began: until the lag was
 * read for the first time, what runs stays.
 */
export class Autoscaler {
  readonly #options: AutoscalerOptions;
  readonly #tenants = new Map<string, TenantScaler>();
  /** Namespace of each driver, by uid. */
  readonly #namespaces = new Map<string, string>();
  readonly #podsToGo: PodsToGo;
  readonly #metrics: ReturnType<typeof scalingMetrics>;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: AutoscalerOptions) {
    this.#options = options;
    this.#podsToGo = new PodsToGo(options.cluster, options.inHand);
    const all = () => [...this.#tenants.values()].flatMap((tenant) => tenant.all());
    this.#metrics = scalingMetrics(options.metrics, all);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all([...this.#tenants.values()].map((tenant) => tenant.stop()));
  }

  /** The Driver as it is now. @returns how many pods are wanted, and why its lag is not known if it isn't. */
  observe(driver: ScaledDriver): { replicas: number; trouble: string | undefined } {
    const { namespace, uid } = driver;
    const tenant = this.#tenants.get(namespace) ?? this.#newTenant(namespace);
    const known = tenant.get(uid);
    if (!known) {
      const scaler = new DriverScaler(driver, this.#times());
      this.#namespaces.set(uid, namespace);
      tenant.add(scaler);
      return { replicas: scaler.replicas, trouble: undefined };
    }
    const { scaling, consumers } = known.driver;
    const same = JSON.stringify([scaling, consumers]) === JSON.stringify([driver.scaling, driver.consumers]);
    known.use(same ? { ...driver, scaling } : driver, this.#times());
    if (!same) tenant.refresh(uid);
    return { replicas: known.replicas, trouble: known.trouble };
  }

  /** It is gone, is no longer scaled, or stays as it is: paused, refused, or not to be rolled out yet. */
  forget(uid: string): void {
    const namespace = this.#namespaces.get(uid);
    if (namespace === undefined) return;
    this.#namespaces.delete(uid);
    const tenant = this.#tenants.get(namespace);
    tenant?.remove(uid);
    if (!tenant?.isEmpty) return;
    this.#tenants.delete(namespace);
    void tenant.stop();
  }

  /** Undefined: no such driver is scaled here. */
  report(namespace: string, name: string): ScalingReport | undefined {
    const scaler = this.#tenants
      .get(namespace)
      ?.all()
      .find(({ driver }) => driver.name === name);
    return scaler?.report(this.#times());
  }

  #times(): Times {
    const { timing, clock } = this.#options;
    return { nowMs: timing.now(), wallMs: clock.now() };
  }

  #newTenant(namespace: string): TenantScaler {
    const { sights, enqueue, missing } = this.#options;
    const tenant = new TenantScaler({
      ...{ namespace, sights, missing },
      times: () => this.#times(),
      changed: (scaler, decision, from) => this.#changed(scaler, decision, from),
      troubled: ({ name }) => enqueue({ namespace, name }),
      fewest: (driver, inFlight, from, to) => this.#podsToGo.fewest(driver, inFlight, from, to),
      failed: (err) => this.#failed(err, namespace),
    });
    this.#tenants.set(namespace, tenant);
    return tenant;
  }

  #changed({ driver, replicas }: DriverScaler, { reason, message }: Decision, from: number): void {
    const { namespace, name } = driver;
    this.#options.enqueue({ namespace, name });
    this.#metrics.decided(driver, from, replicas, reason);
    this.#options.log.info({ namespace, driver: name, from, to: replicas, reason, message }, "scaled");
    void this.#tell(
      driver,
      `${from} -> ${replicas}: ${message}`,
      replicas > from ? "ScaledUp" : "ScaledDown",
    );
  }

  /** Never rejects. */
  async #tell({ namespace, name }: ScaledDriver, message: string, reason: string): Promise<void> {
    const { cluster } = this.#options;
    const about = await cluster.get(KINDS.Driver, { namespace, name }).catch(() => undefined);
    if (about) cluster.record({ about, type: "Normal", reason, message });
  }

  #failed(err: unknown, namespace: string): void {
    const level = err instanceof ClusterError && err.code !== "Forbidden" ? "debug" : "warn";
    this.#options.log[level]({ err, namespace }, "a look at the drivers' lag failed; it is tried again");
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      for (const tenant of this.#tenants.values()) void tenant.look();
      await pause(this.#options.timing, TICK_MS, this.#stop.signal);
    }
  }
}
