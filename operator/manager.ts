import { type Driver, EVENT_BUS_NAME, type KubeObject, type Model } from "@vextir/api";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { BusAuthority } from "./bus/authority.ts";
import type { PodsInHand } from "./bus/pods-in-hand.ts";
import type { ScalingQuestions } from "./bus/scaling-questions.ts";
import type { TenantSights } from "./bus/tenant-sight.ts";
import type { ToolServerReports } from "./bus/tool-server-reports.ts";
import type { Clock } from "./clock.ts";
import type { Cluster, ObjectKey } from "./cluster.ts";
import { Controller, controllerMetrics } from "./controller/index.ts";
import { Capacity } from "./driver/capacity/capacity.ts";
import { CHILD_KINDS } from "./driver/children/children.ts";
import { driverMetrics } from "./driver/driver-metrics.ts";
import { DriverReconciler } from "./driver/driver-reconciler.ts";
import { ManifestDesk } from "./driver/manifests/manifest-desk.ts";
import { ManifestStore } from "./driver/manifests/manifest-store.ts";
import { isGrantedModel } from "./driver/models.ts";
import type { ReportSource } from "./driver/reports.ts";
import { SourceIndex } from "./driver/source-index.ts";
import { EventBusReconciler } from "./event-bus/event-bus-reconciler.ts";
import { Tenants } from "./event-bus/tenants.ts";
import { ExhaustedWatch } from "./exhausted/exhausted-watch.ts";
import { KINDS } from "./kinds.ts";
import { LABELS } from "./labels.ts";
import { OwnWrites } from "./own-writes.ts";
import { AdmissionLedger } from "./policy/admission-ledger.ts";
import { PolicyGate } from "./policy/gate.ts";
import { NamespaceWatch } from "./policy/namespace-watch.ts";
import { Policies } from "./policy/policies.ts";
import { Recall } from "./policy/recall.ts";
import { TenantPolicyReconciler } from "./policy/tenant-policy-reconciler.ts";
import { PublishWatch } from "./publish-quota/publish-watch.ts";
import type { Release } from "./release.ts";
import { Autoscaler } from "./scaling/autoscaler.ts";
import { StatusWriter } from "./status-writer.ts";
import { systemTiming } from "./timing.ts";
import { ToolServerReconciler } from "./tool-server/tool-server-reconciler.ts";
import { WATCHED } from "./watched-kinds.ts";

export interface ReconcilerOptions {
  cluster: Cluster;
  bus: BusAuthority;
  release: Release;
  reports: ReportSource;
  /** What the autoscaler sees of tenants' buses, and whom it asks what pods have in hand. */
  sights: TenantSights;
  inHand: PodsInHand;
  /** Whom it asks how the servers of ToolServers do. */
  toolServers: ToolServerReports;
  /** Where it is asked how drivers are scaled. */
  questions: ScalingQuestions;
  /** The operator's own, where nothing of a tenant may be; absent: there is none. */
  reservedNamespace?: string;
  clock: Clock;
  metrics: Registry;
  log: Logger;
  /** Between two looks at what the bus has given up on; default 20 seconds. */
  exhaustedMs?: number | undefined;
}

export interface Reconcilers {
  /** Resolves when nothing is ready or running; what waits for a later time doesn't count. */
  idle(): Promise<void>;
  /** What the release gives to pods is something else: every Driver looks again. Never rejects. */
  lookAgain(): Promise<void>;
  /** Takes no more work and waits for what runs, at most `graceMs` (default 10,000). */
  stop(graceMs?: number): Promise<void>;
}

/** A bus that comes back is used soon, however long it was away. */
const BACKOFF = { baseMs: 100, maxMs: 30_000 };

/**
 * Starts the reconcilers of EventBus, Driver, ToolServer and TenantPolicy. Resolves when they watch; from then on they work until stopped. The operator's
 * leader and the local mode run the same ones.
 */
export async function startReconcilers(options: ReconcilerOptions): Promise<Reconcilers> {
  const { reports, log } = options;
  const writes = new OwnWrites(options.cluster);
  const parts = assemble({ ...options, cluster: writes.cluster });
  const { publishing, exhausted, drivers, buses, policies, servers, desk, scaler } = parts;
  await watchAll(writes, parts);
  buses.start();
  drivers.start();
  policies.start();
  servers.start();
  publishing.start();
  scaler.start();
  exhausted.start();
  const listener = await reports.serve((namespace, driver, report) => desk.report(namespace, driver, report));
  const questions = options.questions.serve((namespace, name) => scaler.report(namespace, name));
  log.info("the reconcilers watch");
  return {
    async idle() {
      await buses.idle();
      await drivers.idle();
      await policies.idle();
      await servers.idle();
    },
    lookAgain: () => enqueueAll({ cluster: options.cluster, drivers, log }),
    async stop(graceMs) {
      const controllers = [servers, drivers, buses, policies];
      await Promise.all([
        listener.stop(),
        publishing.stop(),
        scaler.stop(),
        questions.stop(),
        exhausted.stop(),
        ...controllers.map((controller) => controller.stop(graceMs)),
      ]);
    },
  };
}

function assemble(options: ReconcilerOptions) {
  const { cluster, bus, release, clock, metrics, log, reservedNamespace, exhaustedMs } = options;
  const statuses = new StatusWriter(cluster);
  const tenants = new Tenants();
  const sources = new SourceIndex();
  const store = new ManifestStore(cluster);
  const told = driverMetrics(metrics, cluster);
  const observer = controllerMetrics(metrics);
  const desk = new ManifestDesk({
    cluster,
    store,
    clock,
    changed: (driver) => drivers.enqueue(driver),
    judged: (verdict) => told.judged(verdict),
  });
  const known = new Policies(cluster);
  const reserved = reservedNamespace === undefined ? {} : { reserved: reservedNamespace };
  const gate = new PolicyGate({ cluster, policies: known, releaseImage: release.image, ...reserved });
  const ledger = new AdmissionLedger((name) => policies.enqueue({ name }));
  const recall = new Recall({ cluster, gate, bus });
  const tenantChanged = (namespace: string) => void enqueueAll({ cluster, drivers, log }, namespace);
  const boundsChanged = async (namespace: string) => {
    buses.enqueue({ namespace, name: EVENT_BUS_NAME });
    await recall.of(namespace);
    await enqueueAll({ cluster, drivers, log }, namespace);
  };
  const publishing = new PublishWatch({
    changed: ({ namespace, name }) => drivers.enqueue({ namespace, name }),
    ...{ bus, timing: systemTiming, metrics, log },
  });
  const scaler = new Autoscaler({
    ...{ cluster, clock, metrics, log, sights: options.sights, inHand: options.inHand },
    timing: systemTiming,
    enqueue: (driver) => drivers.enqueue(driver),
    missing: (driver, consumers) => {
      bus.consumersGone(driver, consumers);
      drivers.enqueue({ namespace: driver.namespace, name: driver.name });
    },
  });
  const exhausted = new ExhaustedWatch({
    ...{ bus, timing: systemTiming, metrics, log },
    ...(exhaustedMs !== undefined && { everyMs: exhaustedMs }),
  });
  const capacity = new Capacity({ cluster, enqueue: (driver) => drivers.enqueue(driver) });
  const driverReconciler = new DriverReconciler({
    ...{ cluster, bus, release, clock, statuses, tenants, store, desk, sources, gate, ledger, publishing },
    ...{ scaler, capacity },
    enqueue: (driver) => drivers.enqueue(driver),
  });
  const busReconciler = new EventBusReconciler({
    ...{ cluster, bus, release, clock, statuses, tenants, gate },
    changed: tenantChanged,
  });
  const policyReconciler = new TenantPolicyReconciler({
    ...{ cluster, clock, policies: known, ledger, statuses },
    changed: boundsChanged,
  });
  const drivers = new Controller({
    name: "driver",
    reconcile: (key) => driverReconciler.reconcile(key),
    backoff: BACKOFF,
    log,
    observer,
  });
  const buses = new Controller({
    name: "event-bus",
    reconcile: (key) => busReconciler.reconcile(key),
    backoff: BACKOFF,
    log,
    observer,
  });
  const policies = new Controller({
    name: "tenant-policy",
    reconcile: (key) => policyReconciler.reconcile(key),
    backoff: BACKOFF,
    log,
    observer,
  });
  const serverReconciler = new ToolServerReconciler({
    ...{ cluster, clock, statuses, reports: options.toolServers },
    applied: (driver) => drivers.enqueue(driver),
  });
  const servers = new Controller({
    name: "tool-server",
    reconcile: (key) => serverReconciler.reconcile(key),
    backoff: BACKOFF,
    log,
    observer,
  });
  const namespaces = new NamespaceWatch((namespace) => {
    boundsChanged(namespace).catch((err) => {
      log.warn({ err, namespace }, "whom its policies admit is looked at Driver by Driver");
      tenantChanged(namespace);
    });
  });
  const modelChanged = ({ metadata: { namespace = "", name } }: Model) =>
    void enqueueAll({ cluster, drivers, log }, namespace, (driver) => isGrantedModel(driver, name));
  const controllers = { drivers, buses, policies, servers };
  const watched = { namespaces, sources, tenants, capacity, modelChanged };
  return { ...controllers, ...watched, scaler, publishing, exhausted, desk };
}

/** All Drivers, of the namespace where one is named, look again, or those that are meant. Never rejects. */
async function enqueueAll(
  { cluster, drivers, log }: { cluster: Cluster; drivers: Controller; log: Logger },
  namespace?: string,
  isMeant: (driver: Driver) => boolean = () => true,
) {
  try {
    const found = await cluster.list(KINDS.Driver, namespace === undefined ? {} : { namespace });
    for (const driver of found.filter(isMeant)) drivers.enqueue(keyOf(driver));
  } catch (err) {
    log.warn({ err, namespace }, "drivers look again later");
  }
}

/** Whose change lets whom look again. */
async function watchAll(
  writes: OwnWrites,
  {
    drivers,
    buses,
    policies,
    servers,
    namespaces,
    sources,
    tenants,
    modelChanged,
    capacity,
  }: ReturnType<typeof assemble>,
) {
  const { cluster } = writes;
  const ownerChanged = (object: KubeObject) => {
    const owner = object.metadata.labels?.[LABELS.driver];
    if (owner && !writes.isEcho(object)) drivers.enqueue(keyOf(object, owner));
  };
  const quotaChanged = ({ metadata }: KubeObject) => capacity.changed(metadata.namespace ?? "");
  await Promise.all([
    cluster.watch(WATCHED.ResourceQuota, quotaChanged),
    cluster.watch(WATCHED.LimitRange, quotaChanged),
    cluster.watch(WATCHED.Namespace, (namespace) => namespaces.saw(namespace)),
    cluster.watch(KINDS.TenantPolicy, (policy) => {
      if (!writes.isEcho(policy)) policies.enqueue(keyOf(policy));
    }),
    cluster.watch(KINDS.ToolServer, (server) => {
      if (!writes.isEcho(server)) servers.enqueue(keyOf(server));
    }),
    cluster.watch(KINDS.EventBus, (bus) => {
      if (!writes.isEcho(bus)) buses.enqueue(keyOf(bus));
    }),
    cluster.watch(KINDS.Driver, (driver) => {
      const { namespace = "", deletionTimestamp } = driver.metadata;
      if (!writes.isEcho(driver)) drivers.enqueue(keyOf(driver));
      // What is told of a server is told of its Driver, whoever wrote that.
      const server = driver.metadata.ownerReferences?.find(({ kind }) => kind === KINDS.ToolServer.kind);
      if (server) servers.enqueue(keyOf(driver, server.name));
      // A bus is made for the first of a namespace's Drivers, and waits for the last one.
      if (deletionTimestamp || !tenants.get(namespace)) buses.enqueue(keyOf(driver, EVENT_BUS_NAME));
    }),
    ...CHILD_KINDS.map((kind) => cluster.watch(kind, ownerChanged)),
    cluster.watch(WATCHED.Pod, ownerChanged),
    cluster.watch(KINDS.Model, modelChanged),
    cluster.watch(WATCHED.AnyConfigMap, (configMap) => {
      for (const driver of sources.driversOf(keyOf(configMap))) drivers.enqueue(driver);
    }),
  ]);
}

function keyOf({ metadata }: KubeObject, name = metadata.name): ObjectKey {
  return { ...(metadata.namespace && { namespace: metadata.namespace }), name };
}
