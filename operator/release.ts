import type { Manifest } from "@vextir/api";

/** What this release brings to every driver's pod, and where its pods find the bus. */
export interface Release {
  version: string;
  /** Image of the drivers, used where a Driver names none. */
  image: string;
  imagePullPolicy?: "Always" | "IfNotPresent" | "Never";
  /** Names of Secrets in the tenant's namespace. */
  imagePullSecrets?: readonly string[];
  /** Manifests of the built-in drivers, by module name: these pods need no verdict. */
  manifests: ReadonlyMap<string, Manifest>;
  bus: {
    /** As pods reach it; comma separated. */
    url: string;
    /** PEM of whom the bus's clients trust, at this moment; absent: no TLS (the local mode's loopback). */
    readonly ca?: string;
  };
  /** The proxy by which drivers reach what they are granted with `allowedHosts`; absent: there is none. */
  egress?: {
    /** As pods reach it: `https://<host>:<port>`. */
    url: string;
    /** PEM of the authority that signed its certificate. */
    ca: string;
  };
  /** The context hub; absent: there is none, or nobody needs it (local mode). */
  readonly hub?: Authenticated | undefined;
  /** What keeps a driver's pods from going where they like; default `Unverified`. */
  guard?: NetworkGuard;
  /** Patterns of annotations that a podTemplate may set beside the harmless ones; a final `*` stands for any end. */
  podAnnotations?: readonly string[];
  /** Variables that tell drivers where traces go; a Driver's own win. */
  telemetry?: Readonly<Record<string, string>>;
  /** Default `info`. */
  logLevel?: string;
  /** Where a driver's pod may connect to; absent: no NetworkPolicy is made (the local mode has no network of its own). */
  network?: DriverNetwork;
}

/** A server that drivers' pods reach. */
export interface Authenticated {
  /** As pods reach it: `https://<host>:<port>`; in local mode `http://`. */
  url: string;
  /** PEM of whom its clients trust, at this moment; absent: no TLS (the local mode's loopback). */
  readonly ca?: string;
}

/** One place that pods may reach: peers as in a NetworkPolicy (empty: everywhere) and ports. */
export interface Reachable {
  name: string;
  to: readonly object[];
  ports: readonly { port: number; protocol: "TCP" | "UDP" }[];
}

export interface DriverNetwork {
  /** DNS, bus and context hub, for every driver. */
  egress: readonly Reachable[];
  /** The egress proxy, for those with `allowedHosts`. */
  proxy?: Reachable;
}

export type NetworkGuard =
  /** NetworkPolicies, and the platform team says that the cluster's network enforces them. */
  | "Enforced"
  /** NetworkPolicies; nobody knows whether they are enforced. */
  | "Unverified"
  /** There are no NetworkPolicies. */
  | "PoliciesOff"
  /** Processes of one machine. */
  | "LocalMode";

/** Everybody whose certificates a driver's pod trusts, as PEM; undefined: there is no TLS. */
export function trustedAuthorities({ bus, egress, hub }: Release): string | undefined {
  const authorities = [bus.ca, egress?.ca, hub?.ca].filter((ca) => ca !== undefined);
  return authorities.length === 0 ? undefined : [...new Set(authorities)].join("");
}
