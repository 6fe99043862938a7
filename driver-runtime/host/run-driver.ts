import type { Manifest } from "@vextir/api";
import { connectBus, openConnection } from "../bus/connect.ts";
import type { Link } from "../bus/link.ts";
import { Renewal } from "../bus/renewal.ts";
import { TokenFile } from "../bus/token-file.ts";
import type { DriverDefinition } from "../driver/definition.ts";
import type { Driver } from "../driver/driver.ts";
import { type DriverSource, definitionOf, manifestOf } from "../driver/manifest.ts";
import { DriverError } from "../errors.ts";
import { HealthServer } from "../observability/health.ts";
import { createMetrics } from "../observability/metrics.ts";
import { Readiness } from "../observability/readiness.ts";
import { runtimeMetrics, watchLag, watchLink } from "../observability/runtime-metrics.ts";
import { type Assembly, assemble } from "./assembly.ts";
import { parseConfiguration } from "./configuration.ts";
import type { Environment } from "./environment.ts";
import { answerInHand } from "./in-hand-answers.ts";
import { type Gate, isAccepted, passGate, report } from "./manifest-gate.ts";

/** A driver at work. */
export interface RunningDriver {
  /** Undefined until its manifest is accepted. */
  readonly driver: Driver | undefined;
  readonly healthPort: number | undefined;
  /** Resolves when every subscription was consumed for the first time; rejects when the driver can't run. */
  readonly ready: Promise<void>;
  /** Resolves when the driver stopped; rejects with what ended it. */
  readonly ended: Promise<void>;
  /** What keeps it from being ready; none: it is. */
  obstacles(): string[];
  /** Stops pulling, finishes what is in hand within the grace period, gives the rest back. */
  stop(graceMs?: number): Promise<void>;
}

/** Of the grace period, for the driver's own `stop`, for flushing and for leaving. */
const MARGIN_MS = 2_000;

/** Runs a driver. @throws DriverError `InvalidDriver`, or `Unavailable` for a health port that is taken. */
export async function runDriver(source: DriverSource, environment: Environment): Promise<RunningDriver> {
  const definition = definitionOf(source);
  const process = new DriverProcess(definition, manifestOf(source), environment);
  await process.listen();
  void process.run();
  return process;
}

/**
 * States: Connecting -> Reporting (its manifest) -> Starting (its `start`) -> Consuming -> Stopping -> Ended; Stopping from
 * any, by `stop` or by an error.
 */
class DriverProcess implements RunningDriver {
  healthPort: number | undefined;
  readonly #definition: DriverDefinition;
  readonly #manifest: Manifest;
  readonly #environment: Environment;
  readonly #metrics = createMetrics();
  readonly #counters = runtimeMetrics(this.#metrics);
  readonly #readiness = new Readiness(this.#counters.ready, { phase: "connecting to the bus" });
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #health: HealthServer | undefined;
  #link: Link | undefined;
  #renewal: Renewal | undefined;
  #assembly: Assembly | undefined;
  #stopping: Promise<void> | undefined;

  constructor(definition: DriverDefinition, manifest: Manifest, environment: Environment) {
    this.#definition = definition;
    this.#manifest = manifest;
    this.#environment = environment;
    this.#ended.promise.catch(() => {});
  }

  get driver(): Driver | undefined {
    return this.#assembly?.driver;
  }
  get ready(): Promise<void> {
    return this.#readiness.ready;
  }
  get ended(): Promise<void> {
    return this.#ended.promise;
  }
  obstacles(): string[] {
    return this.#readiness.obstacles();
  }

  async listen(): Promise<void> {
    const { healthPort: port, listenHost: host } = this.#environment;
    if (port === undefined) return;
    const { registry } = this.#metrics;
    this.#health = new HealthServer({ port, host, registry, obstacles: () => this.obstacles() });
    this.healthPort = await this.#health.listen();
  }

  /** Never rejects. */
  async run(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#readiness.fail(error);
      this.#ended.reject(error);
      await this.stop(0);
    }
  }

  stop(graceMs?: number): Promise<void> {
    const seconds = this.#environment.file.terminationGracePeriodSeconds;
    this.#stopping ??= this.#stop(graceMs ?? Math.max(1_000, seconds * 1e3 - MARGIN_MS));
    return this.#stopping;
  }

  async #start(): Promise<void> {
    const { file, config: given, acceptedManifest, log } = this.#environment;
    const parsing = parseConfiguration(file.name, this.#definition.options.config, given);
    parsing.catch(() => {});
    if (isAccepted(this.#manifest, acceptedManifest)) await parsing;
    const link = await this.#connect();
    this.#readiness.block("phase", "waiting for the operator to accept the manifest");
    await this.#beAccepted(link, parsing);
    this.#abort.signal.throwIfAborted();
    this.#readiness.block("phase", "starting");
    const assembly = assemble({
      definition: this.#definition,
      environment: this.#environment,
      config: await parsing,
      link,
      metrics: this.#metrics,
      counters: this.#counters,
      readiness: this.#readiness,
      signal: this.#abort.signal,
    });
    this.#assembly = assembly;
    watchLag(assembly.consumptions, this.#counters);
    await this.#definition.start?.(assembly.driver);
    this.#abort.signal.throwIfAborted();
    answerInHand({ link, pod: this.#environment.pod, ...assembly, log });
    assembly.server.open();
    for (const consumption of assembly.consumptions) consumption.open();
    this.#readiness.clear("phase");
    log.info({ subscriptions: file.subscriptions.map(({ name }) => name) }, "the driver has started");
  }

  async #connect(): Promise<Link> {
    const { busServers, busTokenFile, busCaFile, file, pod, log } = this.#environment;
    const token = busTokenFile ? new TokenFile(busTokenFile) : undefined;
    const clientName = `${file.namespace}/${file.name}/${pod}`;
    const address = { servers: busServers, token, caFile: busCaFile, clientName };
    const link = await connectBus(address, log, this.#abort.signal);
    this.#link = link;
    watchLink(link, this.#counters);
    link.onChange(() => this.#linkChanged(link));
    if (token) {
      const pulls = { pause: () => this.#pausePulls(), resume: () => this.#resumePulls() };
      this.#renewal = new Renewal({ link, token, open: () => openConnection(address), pulls, log });
    }
    return link;
  }

  /** A bad configuration is reported too, since the report tells the operator what the code wants, and ends the process. */
  async #beAccepted(link: Link, parsing: Promise<unknown>): Promise<void> {
    const { pod, templateHash, acceptedManifest: accepted, log } = this.#environment;
    const gate: Gate = { link, pod, templateHash, accepted, log, signal: this.#abort.signal };
    try {
      await parsing;
    } catch (error) {
      await report(this.#manifest, gate);
      throw error;
    }
    await passGate(this.#manifest, gate, (why) => this.#readiness.block("phase", `not accepted: ${why}`));
  }

  #linkChanged(link: Link): void {
    if (link.closed && this.#stopping === undefined) {
      const error = new DriverError("Closed", "the connection to the bus was closed for good");
      this.#ended.reject(error);
      void this.stop(0);
    }
    if (link.up) this.#readiness.clear("bus");
    else this.#readiness.block("bus", "the connection to the bus is lost");
  }

  async #pausePulls(): Promise<void> {
    await Promise.all((this.#assembly?.consumptions ?? []).map((consumption) => consumption.pause()));
  }

  #resumePulls(): void {
    for (const consumption of this.#assembly?.consumptions ?? []) consumption.resume();
  }

  /** Never rejects. */
  async #stop(graceMs: number): Promise<void> {
    const { log } = this.#environment;
    log.info({ graceMs }, "the driver stops");
    this.#abort.abort(new DriverError("Closed", "the driver stops"));
    this.#readiness.block("stopping", "stopping");
    this.#renewal?.stop();
    const { consumptions = [], server, driver, handlings } = this.#assembly ?? {};
    try {
      await Promise.all([...consumptions.map((one) => one.stop(graceMs)), server?.stop(graceMs)]);
      if (driver) await atMost(Promise.resolve(this.#definition.stop?.(driver)), MARGIN_MS);
    } catch (error) {
      log.error({ err: error }, "the driver's stop failed");
    }
    await handlings?.close(1_000);
    if (this.#link?.up) await atMost(this.#link.connection.flush(), 1_000).catch(() => {});
    await this.#link?.connection.close().catch(() => {});
    await this.#health?.close();
    this.#readiness.fail(new DriverError("Closed", "the driver stopped"));
    this.#ended.resolve();
    log.info("the driver stopped");
  }
}

/** The promise's end, or `ms`, whichever comes first. */
async function atMost(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
