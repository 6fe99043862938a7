import { randomUUID } from "node:crypto";
import type { Logger } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { Admission } from "./admission.ts";
import { type Bootstrapped, readBootstrapped } from "./bootstrap/bootstrap.ts";
import { NATS_PORTS, NATS_SERVICE } from "./bootstrap/names.ts";
import { OwnSecrets } from "./bootstrap/secrets.ts";
import { type BusEndpoint, createRealm } from "./bus/index.ts";
import { type Clock, systemClock } from "./clock.ts";
import { ClusterTokenVerifier } from "./cluster-tokens.ts";
import type { Configuration } from "./configuration.ts";
import { WatchedDrivers } from "./driver-index.ts";
import { FOLLOW_KEYS_MS, followKeys, SecretKeyStore } from "./keys/index.ts";
import {
  type AccessOptions,
  type KubeApi,
  KubeCluster,
  LeaderElection,
  openKubeApi,
  TokenReviewer,
} from "./kube/index.ts";
import { Leader } from "./leader.ts";
import { serveOperatorApi } from "./operator-api.ts";
import { WatchedPods } from "./pod-index.ts";
import type { Release } from "./release.ts";
import { releaseOf } from "./release-of.ts";
import { type HealthServer, startHealthServer } from "./server/health-server.ts";
import { replicaMetrics } from "./server/replica-metrics.ts";
import { pause, systemTiming } from "./timing.ts";
import { type Certificates, GivenCertificates, OwnCertificates } from "./tls/certificates.ts";
import { FOLLOW_CERTIFICATES_MS } from "./tls/keeper.ts";
import { leavesOf, serverNames } from "./tls/leaves.ts";
import { Trust } from "./tls/trust.ts";
import { version } from "./version.ts";

export interface OperatorOptions {
  configuration: Configuration;
  log: Logger;
  /** Where the API server is; default: as `openAccess` finds it. */
  access?: AccessOptions;
  /** The Lease's times; default: client-go's. */
  /** How often the bus's keys are read, which may have been rotated; default: `FOLLOW_KEYS_MS`. */
  followKeysMs?: number;
  /** Between two looks at the certificates; default: a minute. */
  certificatesMs?: number;
  /** Between two looks at what the bus has given up on; default: 20 seconds. */
  exhaustedMs?: number;
  clock?: Clock;
  election?: { leaseDurationMs: number; renewDeadlineMs: number; retryPeriodMs: number };
}

const LEASE = "vextir-operator";
const FOLLOW_MS = 1_000;
const REFRESH_KEYS_MS = 60 * 60_000;
const REFRESH_RETRY_MS = 15_000;

/**
 * One replica of the operator:
 *
 *     starting (Drivers are listed) -> following (admits connections) <-> leading (reconciles too) -> stopping -> stopped
 *
 * It is ready when it knows the Drivers and the bus's keys; the bus itself may be away. A replica that loses the Lease, as all do
 * when the API server is away for long, throws away what it knew as leader and goes on admitting connections.
 */
export class Operator {
  readonly #metrics = new Registry();
  readonly #options: OperatorOptions;
  readonly #stop = new AbortController();
  readonly #parts = new AsyncDisposableStack();
  /** Closed last: what is under way may open them while the parts end. */
  readonly #trusts = new AsyncDisposableStack();
  readonly #waiting = new Set(["the Drivers", "the bus's keys"]);
  #health: HealthServer | undefined;
  #apiPort = 0;
  #ended: Promise<void> | undefined;
  #leader: Leader | undefined;
  #endpoint: Promise<BusEndpoint> | undefined;
  /** Whom clients of the chart's own servers trust, as soon as it is known. */
  #ownTrust: Trust | undefined;
  /** Whom the bus's clients trust; absent without TLS. */
  #busTrust: Trust | undefined;
  /** Set as soon as this replica, leading, has made the bus's keys, or found those of another. */
  readonly #made = Promise.withResolvers<Bootstrapped>();

  constructor(options: OperatorOptions) {
    this.#options = options;
    collectDefaultMetrics({ register: this.#metrics });
  }

  get #clock(): Clock {
    return this.#options.clock ?? systemClock;
  }

  /** Of this replica, and of its leadership while it leads. */
  get metrics(): Registry {
    return this.#leader ? Registry.merge([this.#metrics, this.#leader.metrics]) : this.#metrics;
  }

  /** Port of `/healthz`, `/readyz` and `/metrics`. */
  get healthPort(): number {
    return this.#health?.port ?? 0;
  }

  /** Port of the API for people; 0: it is not served yet. */
  get apiPort(): number {
    return this.#apiPort;
  }

  get isLeading(): boolean {
    return this.#leader !== undefined;
  }

  /**
   * Works until stopped.
   * @throws ClusterError when there is no API server to be found in the configuration.
   */
  run(): Promise<void> {
    this.#ended ??= this.#run();
    return this.#ended;
  }

  /** Ends the work that is under way, gives the Lease away and resolves when everything is closed. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error("the operator is asked to stop"));
    await this.#ended;
  }

  async #run(): Promise<void> {
    try {
      await this.#work();
    } finally {
      this.#stop.abort();
      await this.#parts.disposeAsync().finally(() => this.#trusts.disposeAsync());
    }
  }

  async #work(): Promise<void> {
    const { configuration, log } = this.#options;
    this.#health = await startHealthServer({
      port: configuration.healthPort,
      metrics: () => this.metrics,
      waitsFor: () => [...this.#waiting],
    });
    this.#parts.defer(() => this.#health?.stop());
    const { api, namespace: found } = await this.#openApi();
    const namespace = configuration.namespace ?? found;
    // What a leader reads and writes goes through a cluster of its own, which ends with its leadership.
    const { watchNamespaces: namespaces } = configuration;
    const cluster = new KubeCluster({ api, log, namespaces, mayWrite: () => false });
    const secrets = new OwnSecrets(cluster, namespace);
    const certificates = this.#certificates(secrets, namespace);
    const pods = new WatchedPods();
    const verifier = new ClusterTokenVerifier({ reviews: new TokenReviewer(api), clock: this.#clock, pods });
    const admission = new Admission({ verifier, metrics: this.#metrics, log });
    this.#parts.defer(() => admission.stop());
    replicaMetrics(this.#metrics, {
      isLeading: () => this.isLeading,
      isBusOnline: () => admission.isBusOnline,
    });
    const background = [
      this.#refreshKeys(verifier),
      this.#admit({ cluster, pods, secrets, certificates, admission, namespace }),
      this.#followCertificates(certificates),
    ];
    this.#parts.defer(async () => void (await Promise.all(background)));
    // First of all: it ends what waits for the API server.
    this.#parts.defer(() => cluster.close());
    await this.#campaign(api, namespace);
  }

  #openApi() {
    return openKubeApi({ ...this.#options.access, userAgent: `vextir-operator/${version}` });
  }

  /** Leads whenever it can. */
  async #campaign(api: KubeApi, namespace: string): Promise<void> {
    const { configuration, log, election: times } = this.#options;
    while (!this.#stop.signal.aborted) {
      const identity = `${configuration.pod}_${randomUUID()}`;
      const election = new LeaderElection({ api, namespace, name: LEASE, log, identity, ...times });
      await election.run(
        {
          onStarted: (signal) => this.#lead(election, namespace, signal),
          onStopped: () => this.#leader?.stop(),
        },
        this.#stop.signal,
      );
      this.#leader = undefined;
    }
  }

  async #lead(election: LeaderElection, namespace: string, signal: AbortSignal): Promise<void> {
    const { configuration, log } = this.#options;
    const { api } = await this.#openApi();
    const { watchNamespaces: namespaces } = configuration;
    const cluster = new KubeCluster({ api, log, namespaces, mayWrite: () => election.leading });
    const secrets = new OwnSecrets(cluster, namespace);
    this.#leader = new Leader({
      ...{ cluster, namespace, log, secrets, clock: this.#clock },
      nats: configuration.nats,
      hub: configuration.drivers.hubUrl !== undefined,
      followKeysMs: this.#options.followKeysMs,
      watches: (tenant) => namespaces.length === 0 || namespaces.includes(tenant),
      certificates: this.#certificates(secrets, namespace),
      certificatesMs: this.#options.certificatesMs,
      exhaustedMs: this.#options.exhaustedMs,
      natsServers: natsServers(configuration, namespace),
      bootstrapped: async (made) => {
        // A realm of its own: the leader's is at times ahead of what is written.
        this.#made.resolve({ ...made, realm: createRealm(made.realm.material) });
        const endpoint = await this.#endpointOf(made, namespace);
        return { endpoint, release: this.#releaseFor(endpoint, made, namespace) };
      },
    });
    await this.#leader.start(signal);
  }

  /** Serves the callout as soon as the leader, which may be this replica, has made the keys. */
  async #admit(parts: {
    cluster: KubeCluster;
    pods: WatchedPods;
    secrets: OwnSecrets;
    certificates: Certificates;
    admission: Admission;
    namespace: string;
  }): Promise<void> {
    const { cluster, pods, secrets, certificates, admission, namespace } = parts;
    const followed = Promise.all([WatchedDrivers.follow(cluster), pods.follow(cluster)]);
    const [drivers] = (await followed.catch(() => undefined)) ?? [];
    if (!drivers) return;
    this.#waiting.delete("the Drivers");
    const made = await Promise.race([this.#made.promise, this.#findKeys(secrets, certificates)]);
    if (!made) return;
    const endpoint = await this.#endpointOf(made, namespace);
    admission.start(endpoint, made, drivers);
    this.#waiting.delete("the bus's keys");
    const { log, followKeysMs: everyMs = FOLLOW_KEYS_MS } = this.#options;
    const store = new SecretKeyStore(secrets);
    await Promise.all([
      followKeys({ store, realm: made.realm, timing: systemTiming, log, everyMs }, this.#stop.signal),
      this.#serveApi(made, endpoint, namespace),
    ]);
  }

  /** Waits until a leader has made the bus's keys; undefined: stopped before. Never rejects. */
  async #findKeys(secrets: OwnSecrets, certificates: Certificates): Promise<Bootstrapped | undefined> {
    while (!this.#stop.signal.aborted) {
      const made = await readBootstrapped(secrets, certificates).catch((err) => {
        this.#options.log.warn({ err }, "the bus's keys can't be read; trying again");
        return undefined;
      });
      if (made) return made;
      await pause(systemTiming, FOLLOW_MS, this.#stop.signal);
    }
    return undefined;
  }

  #endpointOf(made: Bootstrapped, namespace: string): Promise<BusEndpoint> {
    this.#endpoint ??= this.#makeEndpoint(made, namespace);
    return this.#endpoint;
  }

  async #makeEndpoint(made: Bootstrapped, namespace: string): Promise<BusEndpoint> {
    const { configuration } = this.#options;
    const chart = `tls://${NATS_SERVICE}.${namespace}.svc:${NATS_PORTS.clients}`;
    const servers = configuration.bus?.servers ?? [chart];
    const own = await Trust.open(made.ca);
    this.#trusts.defer(() => own.close());
    this.#ownTrust = own;
    if (!servers.some(isTls)) return { servers };
    this.#busTrust = own;
    if (configuration.bus?.ca !== undefined) {
      const given = await Trust.open(configuration.bus.ca);
      this.#trusts.defer(() => given.close());
      this.#busTrust = given;
    }
    return { servers, tls: { caFile: this.#busTrust.file } };
  }

  #releaseFor({ servers }: BusEndpoint, { ca }: Bootstrapped, namespace: string): Release {
    const where = { servers, trust: this.#busTrust, ownTrust: this.#ownTrust ?? { pem: ca } };
    return releaseOf(this.#options.configuration, namespace, where);
  }

  /** Never rejects. */
  async #serveApi(made: Bootstrapped, endpoint: BusEndpoint, namespace: string): Promise<void> {
    const release = this.#releaseFor(endpoint, made, namespace);
    const bus = { ...endpoint, realm: made.realm };
    const { configuration, certificatesMs: everyMs = FOLLOW_CERTIFICATES_MS, log } = this.#options;
    const { api } = await this.#openApi();
    const { apiPort: port, watchNamespaces: namespaces, tls } = configuration;
    await serveOperatorApi(
      {
        ...{ api, namespace, namespaces, port, release, bus, everyMs, log },
        areCertificatesGiven: tls.given,
        clock: this.#clock,
        metrics: this.#metrics,
        started: (at) => {
          this.#apiPort = at;
        },
      },
      this.#stop.signal,
    );
  }

  #certificates(secrets: OwnSecrets, namespace: string): Certificates {
    const { nats, tls } = this.#options.configuration;
    if (tls.given) return new GivenCertificates(secrets, tls.alsoTrusted);
    return new OwnCertificates({ secrets, leaves: leavesOf(namespace, nats.replicas), clock: this.#clock });
  }

  /** What this process trusts follows what is written. Never rejects. */
  async #followCertificates(certificates: Certificates): Promise<void> {
    const { certificatesMs = FOLLOW_CERTIFICATES_MS, log } = this.#options;
    while (!this.#stop.signal.aborted) {
      try {
        const found = this.#ownTrust && (await certificates.read());
        if (found) await this.#ownTrust?.use(found.trusted);
      } catch (err) {
        log.warn({ err }, "the certificates can't be read; going on with those of before");
      }
      await pause(systemTiming, certificatesMs, this.#stop.signal);
    }
  }

  /** Never rejects. */
  async #refreshKeys(verifier: ClusterTokenVerifier): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const failed = await verifier.refreshKeys().catch((error: Error) => error);
      if (failed) this.#options.log.warn({ err: failed }, "the cluster's keys were not read");
      await pause(systemTiming, failed ? REFRESH_RETRY_MS : REFRESH_KEYS_MS, this.#stop.signal);
    }
  }
}

const isTls = (server: string) => server.startsWith("tls://");

/** Those that show the certificate that is made here, each by itself. */
function natsServers({ bus, nats }: Configuration, namespace: string) {
  if (!bus) return serverNames(namespace, nats.replicas).map((host) => ({ host, port: NATS_PORTS.clients }));
  if (bus.ca !== undefined || !bus.servers.every(isTls)) return undefined;
  return bus.servers.map((server) => {
    const { hostname, port } = new URL(server);
    return { host: hostname, port: Number(port || NATS_PORTS.clients) };
  });
}
