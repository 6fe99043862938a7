import {
  API_VERSION,
  type Driver,
  EVENT_BUS_NAME,
  type EventBus,
  EventBusSpec,
  type EventBusStatus,
} from "@vextir/api";
import type { BusAuthority, TenantBus } from "../bus/authority.ts";
import type { Clock } from "../clock.ts";
import { type Cluster, ClusterError, type ObjectKey, ownerOf } from "../cluster.ts";
import { conditions, type Finding, no, yes } from "../conditions.ts";
import { contentHash } from "../content-hash.ts";
import type { ReconcileResult } from "../controller/result.ts";
import { type BusOutcome, outcomeOf } from "../driver/bus-access.ts";
import { CA_CONFIG_MAP, CA_KEY } from "../driver/names.ts";
import { addFinalizer, removeFinalizer } from "../finalizers.ts";
import { KINDS } from "../kinds.ts";
import { CONTENT_ANNOTATION, MANAGED } from "../labels.ts";
import { boundedBus } from "../policy/bus-quotas.ts";
import type { PolicyGate } from "../policy/gate.ts";
import { type Release, trustedAuthorities } from "../release.ts";
import type { StatusWriter } from "../status-writer.ts";
import { WATCHED } from "../watched-kinds.ts";
import { sharers } from "./sharing.ts";
import type { Tenants } from "./tenants.ts";

export interface EventBusReconcilerOptions {
  cluster: Cluster;
  bus: BusAuthority;
  release: Release;
  clock: Clock;
  statuses: StatusWriter;
  tenants: Tenants;
  gate: PolicyGate;
  /** The tenant's bus came, went or changed: its drivers look again. */
  changed: (namespace: string) => void;
}

const FINALIZER = "vextir.io/event-bus";
/** What was changed on the bus by hand is put right after this. */
const RESYNC_MS = 5 * 60_000;
const RETRY_MS = 5_000;
/** The namespace's labels come with the next events. */
const UNKNOWN_MS = 500;

/** Makes each namespace's bus, and its object where there are Drivers and none made one. */
export class EventBusReconciler {
  readonly #options: EventBusReconcilerOptions;

  constructor(options: EventBusReconcilerOptions) {
    this.#options = options;
  }

  async reconcile({ namespace = "" }: ObjectKey): Promise<ReconcileResult> {
    const { cluster } = this.#options;
    const [bus, drivers] = await Promise.all([
      cluster.get(KINDS.EventBus, { namespace, name: EVENT_BUS_NAME }),
      cluster.list(KINDS.Driver, { namespace }),
    ]);
    if (!bus) {
      this.#forget(namespace);
      if (this.#options.gate.isReserved(namespace)) return {};
      return drivers.some((driver) => !driver.metadata.deletionTimestamp) ? this.#create(namespace) : {};
    }
    if (bus.metadata.deletionTimestamp) return this.#remove(bus, drivers);
    return this.#options.gate.isReserved(namespace) ? this.#refuse(bus) : this.#ensure(bus);
  }

  #forget(namespace: string): void {
    const { tenants, changed } = this.#options;
    const before = tenants.get(namespace);
    if (tenants.delete(namespace)) changed(namespace);
    for (const other of sharers(before?.spec, undefined)) changed(other);
  }

  /** Beside the operator there is no tenant. */
  async #refuse(bus: EventBus): Promise<ReconcileResult> {
    const { namespace = "" } = bus.metadata;
    const message = `namespace ${namespace} is the operator's own, where pods could read its keys; put the EventBus into another`;
    await this.#setStatus(bus, no("ReservedNamespace", message));
    return {};
  }

  /** Without an owner: it holds the tenant's data, which outlives its drivers. */
  async #create(namespace: string): Promise<ReconcileResult> {
    const metadata = { name: EVENT_BUS_NAME, namespace };
    let made: EventBus;
    try {
      made = await this.#options.cluster.apply(KINDS.EventBus, {
        apiVersion: API_VERSION,
        kind: "EventBus",
        metadata: { ...metadata, finalizers: [FINALIZER] },
        spec: {},
      });
    } catch (error) {
      // The namespace is being deleted, and its drivers with it.
      if (error instanceof ClusterError && error.code === "Forbidden") return { requeueAfterMs: RETRY_MS };
      throw error;
    }
    // Nobody calls again for it: the watch's news of it is an echo.
    return this.#ensure(made);
  }

  async #ensure(bus: EventBus): Promise<ReconcileResult> {
    const { tenants, changed } = this.#options;
    const { namespace = "" } = bus.metadata;
    if (!bus.metadata.finalizers?.includes(FINALIZER)) {
      await addFinalizer(this.#options.cluster, KINDS.EventBus, bus, FINALIZER);
    }
    const policies = await this.#options.gate.policies(namespace);
    if (!policies) return { requeueAfterMs: UNKNOWN_MS };
    const spec = EventBusSpec.safeParse(bus.spec ?? {});
    const { spec: bounded, limited } = boundedBus(spec.data ?? EventBusSpec.parse({}), policies);
    const outcome: BusOutcome = spec.success
      ? await outcomeOf(() => this.#options.bus.ensureTenant(tenantOf(bus, bounded)))
      : {
          state: "invalid",
          message: spec.error.issues.map((i) => `${i.path.join(".")}: ${i.message}`).join("; "),
        };
    if (outcome.state === "ready") await this.#publishAuthority(bus);
    const before = tenants.get(namespace);
    if (tenants.set(namespace, { outcome, spec: bounded })) changed(namespace);
    for (const other of sharers(before?.spec, bounded)) changed(other);
    await this.#setStatus(bus, findingOf(outcome, limited));
    return { requeueAfterMs: outcome.state === "unavailable" ? RETRY_MS : RESYNC_MS };
  }

  async #remove(bus: EventBus, drivers: readonly Driver[]): Promise<ReconcileResult> {
    if (!bus.metadata.finalizers?.includes(FINALIZER)) return {};
    const { namespace = "" } = bus.metadata;
    if (drivers.length > 0) {
      // It shares nothing any more, though its tenant goes on.
      for (const other of sharers(this.#options.tenants.get(namespace)?.spec, undefined))
        this.#options.changed(other);
      const message = `waits until the namespace's ${drivers.length} Drivers are gone`;
      await this.#setStatus(bus, no("InUse", message));
      return {};
    }
    const spec = EventBusSpec.safeParse(bus.spec ?? {}).data ?? EventBusSpec.parse({});
    const outcome = await outcomeOf(() =>
      this.#options.bus.removeTenant(tenantOf(bus, spec), spec.deletionPolicy === "Delete"),
    );
    if (outcome.state !== "ready") {
      await this.#setStatus(bus, no("NotRemoved", outcome.message));
      return { requeueAfterMs: RETRY_MS };
    }
    this.#forget(namespace);
    await removeFinalizer(this.#options.cluster, KINDS.EventBus, bus);
    return {};
  }

  /** Pods of the namespace mount it to know the bus, the egress proxy and the context hub by. */
  async #publishAuthority(bus: EventBus): Promise<void> {
    const ca = trustedAuthorities(this.#options.release);
    if (ca === undefined) return;
    const { namespace = "" } = bus.metadata;
    const live = await this.#options.cluster.get(WATCHED.ConfigMap, { namespace, name: CA_CONFIG_MAP });
    const hash = contentHash(ca);
    // Only its metadata is cached, so what it holds is told by an annotation.
    if (live?.metadata.annotations?.[CONTENT_ANNOTATION] === hash) return;
    await this.#options.cluster.apply(KINDS.ConfigMap, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: {
        name: CA_CONFIG_MAP,
        namespace,
        labels: MANAGED,
        annotations: { [CONTENT_ANNOTATION]: hash },
        ownerReferences: [ownerOf(bus)],
      },
      data: { [CA_KEY]: ca },
    });
  }

  async #setStatus(bus: EventBus, ready: Finding): Promise<void> {
    const { statuses, clock } = this.#options;
    const generation = bus.metadata.generation ?? 0;
    const previous = statuses.latest(bus)?.conditions ?? [];
    const status: EventBusStatus = {
      observedGeneration: generation,
      conditions: conditions({ Ready: ready }, previous, generation, clock.now()),
    };
    await statuses.write(KINDS.EventBus, bus, status);
  }
}

const tenantOf = ({ metadata }: EventBus, spec: EventBusSpec): TenantBus => ({
  namespace: metadata.namespace ?? "",
  uid: metadata.uid ?? "",
  spec,
});

function findingOf(outcome: BusOutcome, limited: readonly string[]): Finding {
  const but = limited.length > 0 ? `; limited: ${limited.join(", ")}` : "";
  if (outcome.state === "ready") return yes("Ready", `account and streams are there${but}`);
  const reason = {
    waiting: "Waiting",
    unavailable: "BusUnavailable",
    refused: "Refused",
    invalid: "Invalid",
  }[outcome.state];
  return no(reason, outcome.message);
}
