import type { Logger } from "pino";
import { collectDefaultMetrics, Registry } from "prom-client";
import { decide } from "../bus/callout-decision.ts";
import { systemClock } from "../clock.ts";
import { ClusterTokenVerifier } from "../cluster-tokens.ts";
import { WatchedDrivers } from "../driver-index.ts";
import { type AccessOptions, KubeCluster, openKubeApi, TokenReviewer } from "../kube/index.ts";
import { type HealthServer, startHealthServer } from "../server/health-server.ts";
import { version } from "../version.ts";
import { followCertificate, readCertificate } from "./certificate.ts";
import type { EgressConfiguration } from "./configuration.ts";
import { GrantIndex } from "./grant-index.ts";
import { EgressProxy } from "./proxy.ts";
import { RememberedTokens } from "./remembered-tokens.ts";
import { dnsResolve, type Resolve } from "./resolver.ts";

export interface EgressOptions {
  configuration: EgressConfiguration;
  log: Logger;
  /** Where the API server is; default: as `openAccess` finds it. */
  access?: AccessOptions;
  /** Default: the cluster's DNS. */
  resolve?: Resolve;
}

/** Which pods there are is not this process' to know: while the API server is away, new tokens are refused. */
const NO_PODS = { stateOf: () => "unknown" as const };

/**
 * One replica of the egress proxy:
 *
 *     starting (Drivers are listed) -> serving -> draining (no new tunnels) -> stopped
 *
 * It is ready while it serves. It reads Drivers and asks about tokens, and may do nothing else.
 */
export class Egress {
  readonly metrics = new Registry();
  readonly #options: EgressOptions;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #waiting = new Set(["the Drivers"]);
  #health: HealthServer | undefined;
  #proxy: EgressProxy | undefined;
  #cluster: KubeCluster | undefined;

  constructor(options: EgressOptions) {
    this.#options = options;
    collectDefaultMetrics({ register: this.metrics });
  }

  /** Where drivers connect to. */
  get port(): number {
    return this.#proxy?.port ?? 0;
  }

  /** Port of `/healthz`, `/readyz` and `/metrics`. */
  get healthPort(): number {
    return this.#health?.port ?? 0;
  }

  /** Resolves when it serves. @throws when it can't: there is no certificate, or no API server in the configuration. */
  async start(): Promise<void> {
    const { configuration, log, access, resolve = dnsResolve() } = this.#options;
    this.#health = await startHealthServer({
      port: configuration.healthPort,
      metrics: () => this.metrics,
      waitsFor: () => [...this.#waiting],
    });
    const certificate = await readCertificate(configuration.tlsDir);
    const { api } = await openKubeApi({ ...access, userAgent: `vextir-egress/${version}` });
    const cluster = new KubeCluster({
      api,
      log,
      namespaces: configuration.watchNamespaces,
      mayWrite: () => false,
    });
    this.#cluster = cluster;
    const reviews = new TokenReviewer(api);
    const verifier = new RememberedTokens(
      new ClusterTokenVerifier({ reviews, clock: systemClock, pods: NO_PODS }),
      systemClock,
    );
    const [drivers, grants] = await Promise.all([
      WatchedDrivers.follow(cluster),
      GrantIndex.follow(cluster, (driver) => this.#proxy?.review(driver)),
    ]);
    const proxy = new EgressProxy({
      ...{ ...configuration, resolve, log, tls: certificate },
      identify: (token) => decide(token, verifier, drivers),
      grants: (driver) => grants.find(driver),
      metrics: this.metrics,
    });
    await proxy.listen();
    this.#proxy = proxy;
    const { signal } = this.#stop;
    void followCertificate(configuration.tlsDir, certificate, (tls) => proxy.useCertificate(tls), {
      log,
      signal,
    });
    this.#waiting.clear();
  }

  /** Lets tunnels end by themselves for a while, and closes everything. */
  async stop(drainMs = this.#options.configuration.drainMs): Promise<void> {
    this.#waiting.add("its end");
    await this.#proxy?.drain(drainMs);
    this.#stop.abort();
    await Promise.all([this.#cluster?.close(), this.#health?.stop()]);
    this.#ended.resolve();
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }
}
