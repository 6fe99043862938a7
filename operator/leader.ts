import { AUTHORITY_CONFIG_MAP } from "@vextir/api";
import type { Logger } from "pino";
import { Registry } from "prom-client";
import { backoffMs } from "./backoff.ts";
import { type BootstrapOptions, type Bootstrapped, bootstrap, publishKeys } from "./bootstrap/bootstrap.ts";
import { SecretPinnedIds } from "./bootstrap/secret-pinned-ids.ts";
import {
  type BusEndpoint,
  BusError,
  NatsBusAuthority,
  NatsPodsInHand,
  NatsScalingQuestions,
  NatsTenantSights,
  NatsToolServerReports,
  startReportListener,
} from "./bus/index.ts";
import type { Clock } from "./clock.ts";
import { collectOrphans } from "./driver/orphans.ts";
import { type HubPolicyFeed, startHubPolicyFeed } from "./hub/policy-feed.ts";
import { FOLLOW_KEYS_MS, KeyRotator, SecretKeyStore } from "./keys/index.ts";
import { KINDS } from "./kinds.ts";
import type { KubeCluster } from "./kube/index.ts";
import { type Reconcilers, startReconcilers } from "./manager.ts";
import type { Release } from "./release.ts";
import { leaderMetrics } from "./server/replica-metrics.ts";
import { pause, systemTiming } from "./timing.ts";
import { keepCertificates } from "./tls/keeper.ts";

export interface LeaderOptions extends BootstrapOptions {
  nats: { replicas: 1 | 3; storageBytes: number };
  /** Its own: it is closed at the end. */
  cluster: KubeCluster;
  /** Whether the operator works in the namespace. */
  watches: (namespace: string) => boolean;
  clock: Clock;
  log: Logger;
  /** How often replicas read the keys; default: `FOLLOW_KEYS_MS`. */
  followKeysMs?: number | undefined;
  /** Servers that show the certificate made here, each by itself. Absent: they have one of their own. */
  natsServers?: readonly { host: string; port: number }[] | undefined;
  /** Between two looks at the certificates; default: a minute. */
  certificatesMs?: number | undefined;
  /** Between two looks at what the bus has given up on; default: 20 seconds. */
  exhaustedMs?: number | undefined;
  /** Told what the bus is, as soon as it is known; answers where the bus is and what drivers get. */
  bootstrapped: (made: Bootstrapped) => Promise<{ endpoint: BusEndpoint; release: Release }>;
}

const RETRY = { baseMs: 500, maxMs: 15_000 };
const COLLECT_MS = 10 * 60_000;
/** A bus that is away comes back with the accounts that it had. */
const COLLECT_RETRY = { baseMs: 500, maxMs: 30_000 };

/** What the leading replica does beside what all do: bootstrap, reconcile, hear reports, collect what nobody owns, tell the context hub. */
export class Leader {
  /** Of this leadership: the next one begins anew. */
  readonly metrics = new Registry();
  readonly #options: LeaderOptions;
  #authority: NatsBusAuthority | undefined;
  #reconcilers: Reconcilers | undefined;
  #hubPolicy: HubPolicyFeed | undefined;
  #collecting: Promise<void> = Promise.resolve();
  #rotating: Promise<void> = Promise.resolve();
  #certifying: Promise<void> = Promise.resolve();

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  get isBusOnline(): boolean {
    return this.#authority?.isOnline ?? false;
  }

  /** Resolves when the reconcilers watch, or when `signal` was aborted before. */
  async start(signal: AbortSignal): Promise<void> {
    const { cluster, secrets, clock, log, nats, namespace } = this.#options;
    const made = await this.#bootstrap(signal);
    if (!made) return;
    const { endpoint, release } = await this.#options.bootstrapped(made);
    if (signal.aborted) return;
    const { realm } = made;
    const bus = { ...endpoint, realm, log };
    const pinned = new SecretPinnedIds(secrets);
    const authority = NatsBusAuthority.connect({ ...bus, replicas: nats.replicas, pinned });
    leaderMetrics(this.metrics, cluster);
    this.#authority = authority;
    // First: who lost everything while nobody led is not connected for longer than need be.
    this.#collecting = this.#collect(authority, signal);
    const rotator = new KeyRotator({
      ...{ realm, log, followMs: this.#options.followKeysMs ?? FOLLOW_KEYS_MS },
      store: new SecretKeyStore(secrets),
      bus: authority,
      servers: nats.replicas,
      publish: () => publishKeys(this.#options, realm),
      timing: systemTiming,
    });
    this.#rotating = rotator.run(signal);
    this.#certifying = this.#keepCertificates(authority, signal);
    const watching = startReconcilers({
      ...{ cluster, bus: authority, release, clock, metrics: this.metrics, log },
      reservedNamespace: namespace,
      sights: new NatsTenantSights({ ...bus, pinned }),
      inHand: new NatsPodsInHand(bus),
      toolServers: new NatsToolServerReports(bus),
      questions: new NatsScalingQuestions(bus),
      exhaustedMs: this.#options.exhaustedMs,
      reports: { serve: async (handler) => startReportListener({ ...bus, onReport: handler }) },
    });
    this.#reconcilers = await this.#orClose(watching, signal);
    if (this.#options.hub && !signal.aborted)
      this.#hubPolicy = await this.#orClose(startHubPolicyFeed({ ...bus, cluster }), signal);
  }

  /** Call it after the signal given to `start` was aborted. */
  async stop(): Promise<void> {
    await this.#hubPolicy?.stop();
    await this.#reconcilers?.stop();
    await this.#authority?.stop();
    await Promise.all([this.#collecting, this.#rotating, this.#certifying]);
    await this.#options.cluster.close();
  }

  #keepCertificates(authority: NatsBusAuthority, signal: AbortSignal): Promise<void> {
    const { certificates, natsServers: servers, certificatesMs: everyMs, log } = this.#options;
    const reload = (serverId: string) => authority.reloadServer(serverId);
    return keepCertificates(
      {
        ...{ certificates, log, timing: systemTiming },
        publish: (trusted) => this.#publishAuthority(trusted),
        ...(everyMs !== undefined && { everyMs }),
        ...(servers && { nats: { servers, reload } }),
      },
      signal,
    );
  }

  /** People's clients know the chart's servers by it, as drivers do by that of their namespace. */
  async #publishAuthority(trusted: string): Promise<void> {
    const { cluster, namespace } = this.#options;
    const { name, key } = AUTHORITY_CONFIG_MAP;
    const object = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name, namespace, labels: { "app.kubernetes.io/part-of": "vextir" } },
      data: { [key]: trusted },
    };
    const found = await cluster.get(KINDS.ConfigMap, { namespace, name });
    if (found?.data?.[key] !== trusted) await cluster.apply(KINDS.ConfigMap, object);
  }

  /** What is not allowed to list waits for ever: the end of the leadership ends it. */
  async #orClose<T>(begun: Promise<T>, signal: AbortSignal): Promise<T> {
    const close = () => void this.#options.cluster.close();
    signal.addEventListener("abort", close, { once: true });
    try {
      return await begun;
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  async #bootstrap(signal: AbortSignal): Promise<Bootstrapped | undefined> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await bootstrap(this.#options);
      } catch (err) {
        this.#options.log.warn({ err, failures }, "the bus's secrets are not there yet; trying again");
        await pause(systemTiming, backoffMs(failures, RETRY), signal);
      }
    }
    return undefined;
  }

  /** Never rejects. */
  async #collect(authority: NatsBusAuthority, signal: AbortSignal): Promise<void> {
    const { cluster, log, watches } = this.#options;
    let failures = 0;
    while (!signal.aborted) {
      let againMs = COLLECT_MS;
      try {
        const removed = await collectOrphans(cluster, authority, watches);
        failures = 0;
        if (removed.length > 0) log.info({ removed }, "removed accounts that no Driver owns");
      } catch (err) {
        failures++;
        if (!(err instanceof BusError)) log.warn({ err }, "accounts without a Driver were not collected");
        againMs = backoffMs(failures, COLLECT_RETRY);
      }
      await pause(systemTiming, againMs * (1 + Math.random() / 10), signal);
    }
  }
}
