import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { Manifest, NamespaceName, OPERATOR_API, quantityBytes } from "@vextir/api";
import { z } from "zod";
import { telemetryVariables } from "./telemetry.ts";

const flag = z.enum(["true", "false"]).transform((text) => text === "true");
const list = z.string().transform((text) => text.split(",").filter((entry) => entry !== ""));
const LogLevel = z.enum(["fatal", "error", "warn", "info", "debug", "trace"]);

/** The operator's environment. What has no default here is found where it runs. */
const Environment = z.object({
  /** The operator's own namespace. Default: that of its ServiceAccount or kubeconfig. */
  VEXTIR_NAMESPACE: z.string().min(1).optional(),
  /** Names the replica in the Lease. */
  VEXTIR_POD: z.string().min(1).default(hostname()),
  VEXTIR_LOG_LEVEL: LogLevel.default("info"),
  /** Of /healthz, /readyz and /metrics. */
  VEXTIR_HEALTH_PORT: z.coerce.number().int().min(0).max(65_535).default(9464),
  /** Namespaces that it works in, comma separated. Default: all. */
  VEXTIR_WATCH_NAMESPACES: list.pipe(z.array(NamespaceName).max(200)).default([]),
  /** Of the API for people. */
  VEXTIR_API_PORT: z.coerce.number().int().min(0).max(65_535).default(OPERATOR_API.port),
  /** Run by Drivers that name no image. */
  VEXTIR_DRIVER_IMAGE: z.string().min(1),
  VEXTIR_DRIVER_IMAGE_PULL_POLICY: z.enum(["Always", "IfNotPresent", "Never"]).default("IfNotPresent"),
  /** Names of Secrets, comma separated. */
  VEXTIR_DRIVER_IMAGE_PULL_SECRETS: list.default([]),
  VEXTIR_DRIVER_LOG_LEVEL: LogLevel.default("info"),
  /** Annotations that a podTemplate may set beside the harmless ones, comma separated; a final `*` stands for any end. */
  VEXTIR_DRIVER_POD_ANNOTATIONS: list.default([]),
  /** JSON: a built-in's name -> its manifest. Default: beside the operator's bundle. */
  VEXTIR_MANIFESTS_FILE: z.string().min(1).optional(),
  /** Servers of the chart's NATS: 1 or 3; streams get as many copies. */
  VEXTIR_NATS_REPLICAS: z.coerce
    .number()
    .pipe(z.union([z.literal(1), z.literal(3)]))
    .default(1),
  /** Of each server's volume. */
  VEXTIR_NATS_STORAGE: z
    .string()
    .regex(/^\d+(Ki|Mi|Gi|Ti)?$/)
    .default("10Gi"),
  /** Whether drivers get a NetworkPolicy. */
  VEXTIR_NETWORK_POLICIES: flag.default(true),
  /** Whether the cluster's network is known to enforce them. */
  VEXTIR_NETWORK_POLICIES_ENFORCED: flag.default(false),
  /** JSON: the NetworkPolicy peers that drivers may ask for names. Default: any. */
  VEXTIR_DNS_PEERS: z
    .string()
    .default("[]")
    .transform((text, context) => peersOf(text, context)),
  /** JSON: the NetworkPolicy peers that drivers send traces to. Default: none, and no port is opened for them. */
  VEXTIR_OTLP_PEERS: z
    .string()
    .default("[]")
    .transform((text, context) => peersOf(text, context)),
  /** The egress proxy as drivers reach it. Default: there is none. */
  VEXTIR_EGRESS_URL: z.url({ protocol: /^https$/ }).optional(),
  /** The context hub as drivers reach it. Default: there is none. */
  VEXTIR_HUB_URL: z.url({ protocol: /^https$/ }).optional(),
  /** A NATS of one's own instead of the chart's, comma separated; it runs with the Secret `vextir-nats`' nats.conf. */
  VEXTIR_BUS_URL: list.optional(),
  /** PEM of the authority that signed that NATS' certificate. Default, for tls:// URLs: the one in the Secret `vextir-ca`. */
  VEXTIR_BUS_CA_FILE: z.string().min(1).optional(),
  /** Whether somebody else, as cert-manager, makes the Secrets `vextir-nats-tls` and `vextir-operator-tls`. */
  VEXTIR_TLS_GIVEN: flag.default(false),
  /** PEM of authorities that are trusted beside the given one: the one that is to follow, or the one before. */
  VEXTIR_TLS_ALSO_TRUSTED: z.string().default(""),
});

function peersOf(text: string, context: z.RefinementCtx): readonly object[] {
  try {
    return z.array(z.record(z.string(), z.unknown())).parse(JSON.parse(text));
  } catch {
    context.addIssue({ code: "custom", message: "not a JSON list of NetworkPolicy peers" });
    return z.NEVER;
  }
}

export interface Configuration {
  namespace: string | undefined;
  pod: string;
  logLevel: z.infer<typeof LogLevel>;
  /** Empty: all. */
  watchNamespaces: readonly string[];
  healthPort: number;
  apiPort: number;
  drivers: {
    image: string;
    pullPolicy: "Always" | "IfNotPresent" | "Never";
    pullSecrets: readonly string[];
    logLevel: z.infer<typeof LogLevel>;
    podAnnotations: readonly string[];
    manifests: ReadonlyMap<string, Manifest>;
    networkPolicies: boolean;
    networkPoliciesEnforced: boolean;
    /** Peers that may be asked for names; empty: any. */
    dnsPeers: readonly object[];
    egressUrl: string | undefined;
    hubUrl: string | undefined;
    /** OpenTelemetry's variables, handed on from here. */
    telemetry: Readonly<Record<string, string>>;
    /** Whom traces are sent to; empty: no NetworkPolicy lets them out. */
    otlpPeers: readonly object[];
  };
  nats: { replicas: 1 | 3; storageBytes: number };
  tls: { given: boolean; alsoTrusted: string };
  /** Set for a NATS of one's own. */
  bus: { servers: readonly string[]; ca: string | undefined } | undefined;
}

/** @throws TypeError that names every variable that is wrong. */
export async function readConfiguration(env: NodeJS.ProcessEnv): Promise<Configuration> {
  const read = Environment.safeParse(env);
  if (!read.success) {
    const problems = read.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
    throw new TypeError(`the environment is not as the operator needs it: ${problems.join("; ")}`);
  }
  const { data } = read;
  const file = data.VEXTIR_MANIFESTS_FILE ?? join(import.meta.dirname, "../driver/manifests.json");
  return {
    namespace: data.VEXTIR_NAMESPACE,
    pod: data.VEXTIR_POD,
    logLevel: data.VEXTIR_LOG_LEVEL,
    watchNamespaces: [...new Set(data.VEXTIR_WATCH_NAMESPACES)],
    healthPort: data.VEXTIR_HEALTH_PORT,
    apiPort: data.VEXTIR_API_PORT,
    drivers: {
      image: data.VEXTIR_DRIVER_IMAGE,
      pullPolicy: data.VEXTIR_DRIVER_IMAGE_PULL_POLICY,
      pullSecrets: data.VEXTIR_DRIVER_IMAGE_PULL_SECRETS,
      logLevel: data.VEXTIR_DRIVER_LOG_LEVEL,
      podAnnotations: data.VEXTIR_DRIVER_POD_ANNOTATIONS,
      manifests: await readManifests(file),
      networkPolicies: data.VEXTIR_NETWORK_POLICIES,
      networkPoliciesEnforced: data.VEXTIR_NETWORK_POLICIES_ENFORCED,
      dnsPeers: data.VEXTIR_DNS_PEERS,
      egressUrl: data.VEXTIR_EGRESS_URL,
      hubUrl: data.VEXTIR_HUB_URL,
      telemetry: telemetryVariables(env),
      otlpPeers: data.VEXTIR_OTLP_PEERS,
    },
    nats: { replicas: data.VEXTIR_NATS_REPLICAS, storageBytes: quantityBytes(data.VEXTIR_NATS_STORAGE) },
    tls: { given: data.VEXTIR_TLS_GIVEN, alsoTrusted: data.VEXTIR_TLS_ALSO_TRUSTED },
    bus: data.VEXTIR_BUS_URL && {
      servers: data.VEXTIR_BUS_URL,
      ca: data.VEXTIR_BUS_CA_FILE && (await readFile(data.VEXTIR_BUS_CA_FILE, "utf8")),
    },
  };
}

async function readManifests(file: string): Promise<ReadonlyMap<string, Manifest>> {
  try {
    const manifests = z.record(z.string(), Manifest).parse(JSON.parse(await readFile(file, "utf8")));
    return new Map(Object.entries(manifests));
  } catch (cause) {
    throw new TypeError(`${file} (VEXTIR_MANIFESTS_FILE) does not hold the built-ins' manifests`, { cause });
  }
}
