import { rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { HEALTH_PORT_NAME } from "@vextir/api";
import { systemClock } from "@vextir/operator/clock.ts";
import type { ClusterEvent, Kind } from "@vextir/operator/cluster.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { LABELS } from "@vextir/operator/labels.ts";
import { type Reconcilers, startReconcilers } from "@vextir/operator/manager.ts";
import type { Release } from "@vextir/operator/release.ts";
import type { Pod } from "@vextir/operator/workloads.ts";
import { Registry } from "prom-client";
import { admit } from "./admission.ts";
import { type LocalBus, startBus } from "./bus/local-bus.ts";
import { CapabilitiesFile } from "./capabilities-file.ts";
import { LocalCluster } from "./cluster.ts";
import { type DriverRow, driverRows } from "./driver-table.ts";
import { Folder } from "./folder/folder.ts";
import { LocalHub } from "./hub/local-hub.ts";
import { Kubelet } from "./kubelet/kubelet.ts";
import { LocalError } from "./local-error.ts";
import { operatorLog } from "./operator-log.ts";
import type { Printer } from "./output/printer.ts";
import { Processes } from "./processes/processes.ts";
import { driverBundle, hubProgram, LOCAL_IMAGE, localRelease } from "./release.ts";
import { applySecretVariables, type SecretVariable } from "./secret-variables.ts";
import { Services } from "./services/services.ts";
import { writeAtomically } from "./state/atomic-file.ts";
import { StateLock } from "./state/lock.ts";
import { openState, type StatePaths } from "./state/state-folder.ts";
import type { StatusFile } from "./status-file.ts";
import { ObjectStore } from "./store/object-store.ts";
import { StoreFile } from "./store/store-file.ts";

/**
 * What is kept from run to run: a Driver's or EventBus' uid is what its account and data hang on, a ToolServer's what its Driver does; versions are
 * gone back to.
 */
const KEPT_KINDS = [KINDS.ToolServer, KINDS.Driver, KINDS.EventBus, KINDS.ControllerRevision];

export interface LocalModeOptions {
  /** Folder of YAML, or one file. */
  folder: string;
  state: string;
  printer: Printer;
  /** Secrets from this process' environment; default: none. */
  secretVariables?: readonly SecretVariable[];
  /** Of the drivers and the operator's parts; default: drivers `info`, the operator's parts `warn`. */
  logLevel?: string;
}

/**
 * The operator's reconcilers and bus authority over a folder of YAML, child processes and a nats-server of its own. It guards the
 * bus, not the machine.
 */
export class LocalMode {
  readonly #options: LocalModeOptions;
  readonly #parts = new AsyncDisposableStack();
  readonly #processes: Processes;
  readonly #state: StatePaths;
  readonly #changed = new Set<() => void>();
  readonly store: ObjectStore;
  readonly #cluster: LocalCluster;
  #services: Services | undefined;
  #kubelet: Kubelet | undefined;
  #bus: LocalBus | undefined;
  #reconcilers: Reconcilers | undefined;
  #starting: Promise<void> = Promise.resolve();
  #stopped: Promise<void> | undefined;

  private constructor(options: LocalModeOptions, state: StatePaths) {
    this.#options = options;
    this.#state = state;
    this.#processes = new Processes(state.processes);
    this.store = new ObjectStore({
      admission: admit,
      onListenerError: (error) =>
        this.#note("vextir", `internal error: ${(error as Error).stack ?? error}`, "error"),
    });
    this.#cluster = new LocalCluster(this.store, (event) => this.#tellEvent(event));
  }

  /** Takes the state folder; nothing runs yet. @throws LocalError `StateLocked`, `BadState`. */
  static async open(options: LocalModeOptions): Promise<LocalMode> {
    const state = await openState(options.state);
    const lock = StateLock.acquire(state.lock);
    // With the lock taken they would be read as this run's: its predecessor's bus may be anybody's by now.
    for (const told of [state.status, state.capabilities]) rmSync(told, { force: true });
    const mode = new LocalMode(options, state);
    mode.#parts.defer(() => lock.release());
    return mode;
  }

  /**
   * Starts everything; drivers become ready in their own time. After a failure `stop` is still to be called.
   * @throws LocalError `BadState`, `BadFolder`, `NotBuilt`, `StartFailed`, `Stopped`.
   */
  start(): Promise<void> {
    this.#starting = this.#start();
    return this.#starting;
  }

  drivers(): DriverRow[] {
    return driverRows(this.store, this.#services?.ports() ?? []);
  }

  get bus(): LocalBus {
    if (!this.#bus) throw new LocalError("NotRunning", "the local mode is not started");
    return this.#bus;
  }

  /** URL of the health endpoints of one of the driver's ready pods. */
  healthUrl(namespace: string, driver: string): string | undefined {
    const [pod] = this.#kubelet?.endpoints(namespace, { [LABELS.driver]: driver }) ?? [];
    const port = pod?.portOf(HEALTH_PORT_NAME);
    return port === undefined ? undefined : `http://127.0.0.1:${port}`;
  }

  /** Calls `listener` after drivers, pods or ports changed. */
  onChange(listener: () => void): () => void {
    this.#changed.add(listener);
    return () => void this.#changed.delete(listener);
  }

  /** Resolves with true when every driver is ready, with false after `timeoutMs` or when `signal` is aborted. */
  async allReady(timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    const { promise, resolve: done } = Promise.withResolvers<boolean>();
    const check = () => {
      const rows = this.drivers();
      if (rows.length > 0 && rows.every(({ ready }) => ready === "True")) done(true);
    };
    const timer = setTimeout(() => done(false), timeoutMs);
    const abort = () => done(false);
    signal?.addEventListener("abort", abort, { once: true });
    const forget = this.onChange(check);
    check();
    if (signal?.aborted) abort();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      forget();
    }
  }

  /** Ends everything in order, drivers within their grace periods. Safe to call again. */
  stop(): Promise<void> {
    this.#stopped ??= (async () => {
      // What is being started is finished first, so that it can be stopped.
      await this.#starting.catch(() => {});
      await this.#parts.disposeAsync();
    })();
    return this.#stopped;
  }

  /** SIGKILL to everything; for the impatient, while `stop` is under way or instead of it. */
  kill(): void {
    this.#processes.killAll();
  }

  async #start(): Promise<void> {
    const bundle = driverBundle();
    await this.#keepStore();
    await this.#openProcesses();
    this.#expectWanted();
    const bus = await this.#startBus();
    this.#expectWanted();
    const hub = await this.#openHub(bus);
    this.#startServices();
    await this.#startKubelet(bundle, bus);
    for (const note of applySecretVariables(this.store, this.#options.secretVariables ?? [], process.env))
      this.#note("vextir", note);
    await this.#openFolder(this.#options.folder);
    this.#expectWanted();
    await this.#startReconcilers(bundle, bus, hub);
    this.#followChanges();
  }

  #expectWanted(): void {
    if (this.#stopped !== undefined) throw new LocalError("Stopped", "stopped while starting");
  }

  async #openProcesses(): Promise<void> {
    this.#parts.defer(() => this.#processes.close());
    for (const { what } of await this.#processes.open())
      this.#note("vextir", `ended what an earlier run left over: ${what}`, "warn");
  }

  get #log() {
    return operatorLog(this.#options.printer, this.#options.logLevel ?? "warn");
  }

  async #startBus(): Promise<LocalBus> {
    const bus = await startBus({
      state: this.#state,
      processes: this.#processes,
      store: this.store,
      log: this.#log,
      onNote: (message) => this.#note("bus", message, "warn"),
    });
    this.#parts.defer(() => bus.stop());
    this.#bus = bus;
    return bus;
  }

  async #openHub(bus: LocalBus): Promise<LocalHub> {
    const { printer, logLevel } = this.#options;
    const hub = await LocalHub.open({
      ...{ store: this.store, cluster: this.#cluster, processes: this.#processes, state: this.#state },
      ...{ bus, program: hubProgram, printer, log: this.#log, logLevel },
      wanted: () => void this.#reconcilers?.lookAgain(),
    });
    this.#parts.defer(() => hub.stop());
    return hub;
  }

  async #startReconcilers(bundle: string, bus: LocalBus, hub: LocalHub): Promise<void> {
    const { url, authority, reports, sights, inHand, toolServers, questions } = bus;
    const cluster = this.#cluster;
    const own = await localRelease(bundle, url, this.#options.logLevel);
    const release: Release = {
      ...own,
      get hub() {
        return hub.address;
      },
    };
    this.#keepCapabilities(new CapabilitiesFile(this.#state.capabilities, { cluster, release }));
    const reconcilers = await startReconcilers({
      cluster,
      bus: authority,
      ...{ release, reports, sights, inHand, toolServers, questions },
      clock: systemClock,
      metrics: new Registry(),
      log: this.#log,
    });
    this.#reconcilers = reconcilers;
    this.#parts.defer(() => reconcilers.stop());
  }

  async #keepStore(): Promise<void> {
    const file = new StoreFile(this.#state.objects, this.store, KEPT_KINDS, (error) =>
      this.#note("vextir", `the state can't be written: ${(error as Error).message}`, "error"),
    );
    await file.open().catch((cause) => {
      throw new LocalError("BadState", `${this.#state.objects} can't be used: ${(cause as Error).message}`, {
        cause,
      });
    });
    this.#parts.defer(() => file.flush());
  }

  #startServices(): void {
    const services = new Services({
      store: this.store,
      endpoints: (namespace, labels) => this.#kubelet?.endpoints(namespace, labels) ?? [],
      opened: ({ service, wanted, port }) => {
        if (wanted !== port)
          this.#note(service, `port ${wanted} is taken on this machine: it answers on ${port}`, "warn");
        this.#tellChanged();
      },
      failed: ({ metadata }, error) =>
        this.#note(metadata.name, `no port: ${(error as Error).message}`, "error"),
    });
    this.#services = services;
    services.start();
    this.#parts.defer(() => services.close());
  }

  async #startKubelet(bundle: string, { tokens }: LocalBus): Promise<void> {
    const { printer } = this.#options;
    // As with compose files, a relative module is looked up from where the YAML is.
    const path = resolve(this.#options.folder);
    const workingDirectory = statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(path) : path;
    const kubelet = new Kubelet({
      store: this.store,
      processes: this.#processes,
      tokens,
      image: { name: LOCAL_IMAGE, bundle, workingDirectory, compileCache: this.#state.compileCache },
      folder: this.#state.pods,
      onLine: (pod, line) => printer.line(sourceOf(pod), line),
      onNote: (pod, message) => this.#note(sourceOf(pod), message, "warn"),
      onPodsChanged: () => this.#tellChanged(),
    });
    this.#kubelet = kubelet;
    await kubelet.start();
    this.#parts.defer(() => kubelet.stop());
  }

  async #openFolder(path: string): Promise<void> {
    const folder = new Folder({
      path: resolve(path),
      store: this.store,
      onProblem: ({ file, line, message }) => this.#note("vextir", `${file}:${line}: ${message}`, "error"),
      onNote: ({ file, line, message }) => this.#note("vextir", `${file}:${line}: ${message}`, "warn"),
      onChange: (what, { kind, metadata }) =>
        this.#note("vextir", `${kind.toLowerCase()}/${metadata.name} ${what}`),
    });
    this.#parts.defer(() => folder.close());
    await folder.open();
  }

  #followChanges(): void {
    this.store.watch(KINDS.Driver, () => this.#tellChanged());
    let last = "";
    let writing = Promise.resolve();
    const write = () => {
      const drivers = this.store.list(KINDS.Driver).map(({ metadata }) => metadata);
      const uids = Object.fromEntries(
        drivers.map(({ namespace, name, uid = "" }) => [`${namespace}/${name}`, uid]),
      );
      const status: StatusFile = {
        folder: resolve(this.#options.folder),
        drivers: this.drivers(),
        ...(this.#bus && { bus: { url: this.#bus.url, uids } }),
      };
      const text = JSON.stringify(status);
      if (text === last) return;
      last = text;
      writing = writing.then(() => writeAtomically(this.#state.status, text)).catch(() => {});
    };
    this.onChange(write);
    write();
    this.#parts.defer(() => writing);
  }

  #keepCapabilities(file: CapabilitiesFile): void {
    const refresh = () => file.refresh();
    for (const kind of [KINDS.Driver, KINDS.EventBus, KINDS.TenantPolicy, KINDS.Namespace])
      this.store.watch(kind as Kind, refresh);
    this.onChange(refresh);
    this.#parts.defer(() => file.flush());
  }

  #tellChanged(): void {
    for (const listener of this.#changed) listener();
  }

  #tellEvent({ about, type, reason, message }: ClusterEvent): void {
    if (type === "Warning") this.#note(about.metadata.name, `${reason}: ${message}`, "warn");
  }

  #note(...[source, message, level]: Parameters<Printer["note"]>): void {
    this.#options.printer.note(source, message, level);
  }
}

/** The driver whose pod it is. */
const sourceOf = ({ metadata }: Pod) => metadata.labels?.[LABELS.driver] ?? metadata.name;
