import { z } from "zod";
import { Capabilities, DriverClass, Subscription } from "../kinds/driver.ts";
import { ModelSpec } from "../kinds/model.ts";

/**
 * What the operator gives a driver's pod and the runtime reads: files at fixed paths, whose paths stand in the
 * environment (the local mode puts other paths there), and ports.
 */
export const POD_ENV = {
  driver: "VEXTIR_DRIVER",
  namespace: "VEXTIR_NAMESPACE",
  pod: "VEXTIR_POD",
  templateHash: "VEXTIR_TEMPLATE_HASH",
  /** NATS URLs, comma separated. */
  busUrl: "VEXTIR_BUS_URL",
  busTokenFile: "VEXTIR_BUS_TOKEN_FILE",
  /** Absent: no TLS (the local mode's loopback). */
  busCaFile: "VEXTIR_BUS_CA_FILE",
  /** Of the egress proxy, `https://<host>:<port>`; absent: the driver may reach nothing but the bus, or is not kept from it (local mode). */
  egressUrl: "VEXTIR_EGRESS_URL",
  egressCaFile: "VEXTIR_EGRESS_CA_FILE",
  /** Of the context hub, `https://<host>:<port>` (`http://` in local mode); absent: there is none. */
  hubUrl: "VEXTIR_HUB_URL",
  hubTokenFile: "VEXTIR_HUB_TOKEN_FILE",
  hubCaFile: "VEXTIR_HUB_CA_FILE",
  /** `DriverFile` as JSON. */
  driverFile: "VEXTIR_DRIVER_FILE",
  /** Folder of files, one per `configSecretRefs` entry, by its name. */
  secretsDir: "VEXTIR_SECRETS_DIR",
  /** Folder of files, one per granted model that wants a key, by the model's name; read again as keys are renewed. */
  modelKeysDir: "VEXTIR_MODEL_KEYS_DIR",
  /** Address that the pod's servers listen on; absent: all of them. The local mode says 127.0.0.1. */
  listenHost: "VEXTIR_LISTEN_HOST",
  /** Port of the health endpoints. */
  healthPort: "VEXTIR_HEALTH_PORT",
  /** SHA-256 (hex, first 16) of the manifest that the operator already accepted for this template; else the pod reports and waits. */
  acceptedManifest: "VEXTIR_ACCEPTED_MANIFEST",
  logLevel: "VEXTIR_LOG_LEVEL",
} as const;

/** Variable that holds the number of the named port. */
export const portEnv = (name: string) => `VEXTIR_PORT_${name.toUpperCase().replaceAll("-", "_")}`;

export const POD_PATHS = {
  driverDir: "/etc/vextir/driver",
  driverFile: "/etc/vextir/driver/driver.json",
  sourceFile: "/etc/vextir/driver/driver.ts",
  secretsDir: "/etc/vextir/secrets",
  modelKeysDir: "/etc/vextir/model-keys",
  busTokenDir: "/var/run/secrets/vextir.io/bus",
  busTokenFile: "/var/run/secrets/vextir.io/bus/token",
  hubTokenDir: "/var/run/secrets/vextir.io/hub",
  hubTokenFile: "/var/run/secrets/vextir.io/hub/token",
  caDir: "/etc/vextir/ca",
  caFile: "/etc/vextir/ca/ca.crt",
} as const;

export { HEALTH_PORT, HEALTH_PORT_NAME } from "./ports.ts";

/** Audience of the token that a pod shows to the bus and to the egress proxy. */
export const BUS_AUDIENCE = "vextir-bus";
/** Audience of the token that a pod shows to the context hub. */
export const HUB_AUDIENCE = "vextir-hub";

/** A granted model: everything of its spec, and its labels, by which drivers choose. */
export const ModelFile = ModelSpec.safeExtend({
  name: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  /** There is a file with its key. */
  hasKey: z.boolean().default(false),
});
export type ModelFile = z.infer<typeof ModelFile>;

/** What runs in the pod: the Driver's spec as far as the code may know it. */
export const DriverFile = z.object({
  name: z.string(),
  namespace: z.string(),
  class: DriverClass,
  /** A built-in's name or a path; absent with `source`. */
  module: z.string().optional(),
  /** File name of the inline source beside this file. */
  source: z.string().optional(),
  config: z.record(z.string(), z.unknown()).default({}),
  secretNames: z.array(z.string()).default([]),
  subscriptions: z.array(Subscription).default([]),
  capabilities: Capabilities,
  /** In the order of `capabilities.models`. */
  models: z.array(ModelFile).default([]),
  terminationGracePeriodSeconds: z.number().default(30),
  maxEventBytes: z.number().default(1_048_576),
});
export type DriverFile = z.infer<typeof DriverFile>;

/** A pod's answer to `subjects.inHand`. */
export const PodInHand = z.object({
  pod: z.string().min(1).max(253),
  /** Deliveries that are not settled. */
  events: z.int().min(0),
  calls: z.int().min(0),
  /** The longest time that an event or a call took in the last minutes, or has taken so far. */
  longestMs: z.number().min(0),
});
export type PodInHand = z.infer<typeof PodInHand>;
