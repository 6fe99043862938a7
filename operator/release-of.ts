import { EGRESS_LABELS, HUB_LABELS, NATS_LABELS, NATS_PORTS } from "./bootstrap/names.ts";
import type { Configuration } from "./configuration.ts";
import type { DriverNetwork, NetworkGuard, Reachable, Release } from "./release.ts";
import { collectorPorts } from "./telemetry.ts";
import { version } from "./version.ts";

/** What drivers' pods get, by the operator's configuration. */
export function releaseOf(
  { drivers, bus }: Configuration,
  namespace: string,
  endpoint: { servers: readonly string[]; trust: Trusted | undefined; ownTrust: Trusted },
): Release {
  const { egressUrl, hubUrl } = drivers;
  const { servers, trust, ownTrust } = endpoint;
  return {
    version,
    image: drivers.image,
    imagePullPolicy: drivers.pullPolicy,
    imagePullSecrets: drivers.pullSecrets,
    manifests: drivers.manifests,
    bus: trust ? withAuthority(servers.join(","), trust) : { url: servers.join(",") },
    logLevel: drivers.logLevel,
    podAnnotations: drivers.podAnnotations,
    telemetry: drivers.telemetry,
    guard: guardOf(drivers),
    ...(egressUrl !== undefined && { egress: withAuthority(egressUrl, ownTrust) }),
    ...(hubUrl !== undefined && { hub: withAuthority(hubUrl, ownTrust) }),
    ...(drivers.networkPolicies && {
      network: {
        egress: [
          dns(drivers.dnsPeers),
          busReachable(bus ? undefined : namespace, servers),
          ...(hubUrl === undefined ? [] : [chartReachable("context-hub", namespace, HUB_LABELS, hubUrl)]),
          ...collector(drivers),
        ],
        ...(egressUrl !== undefined && {
          proxy: chartReachable("egress-proxy", namespace, EGRESS_LABELS, egressUrl),
        }),
      } satisfies DriverNetwork,
    }),
  };
}

/** PEM of whom clients trust, at this moment. */
interface Trusted {
  readonly pem: string;
}

/** Whoever is trusted may be another later. */
const withAuthority = (url: string, trust: Trusted) => ({
  url,
  get ca() {
    return trust.pem;
  },
});

function guardOf(drivers: Configuration["drivers"]): NetworkGuard {
  if (!drivers.networkPolicies) return "PoliciesOff";
  return drivers.networkPoliciesEnforced ? "Enforced" : "Unverified";
}

const dns = (to: readonly object[]): Reachable => ({
  name: "dns",
  to,
  ports: [53, 5353].flatMap((port) => [
    { port, protocol: "UDP" as const },
    { port, protocol: "TCP" as const },
  ]),
});

const podsOf = (namespace: string, matchLabels: object) => ({
  namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
  podSelector: { matchLabels },
});

/** `namespace`: of the chart's NATS; undefined for one of one's own, whose pods nobody knows. */
function busReachable(namespace: string | undefined, servers: readonly string[]): Reachable {
  const ports = namespace === undefined ? servers.map(portOf) : [NATS_PORTS.clients];
  return {
    name: "bus",
    to: namespace === undefined ? [] : [podsOf(namespace, NATS_LABELS)],
    ports: [...new Set(ports)].map((port) => ({ port, protocol: "TCP" })),
  };
}

/** Without peers nothing is opened: a port that leads anywhere would be a way out. */
function collector({ telemetry, otlpPeers: to }: Configuration["drivers"]): Reachable[] {
  const ports = collectorPorts(telemetry).map((port) => ({ port, protocol: "TCP" as const }));
  return to.length > 0 && ports.length > 0 ? [{ name: "collector", to, ports }] : [];
}

/** Pods of the chart's own. */
const chartReachable = (name: string, namespace: string, labels: object, url: string): Reachable => ({
  name,
  to: [podsOf(namespace, labels)],
  ports: [{ port: Number(new URL(url).port || 443), protocol: "TCP" }],
});

const portOf = (server: string) => Number(new URL(server).port || NATS_PORTS.clients);
