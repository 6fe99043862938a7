import { z } from "zod";
import { Duration } from "../duration.ts";
import { HostPattern } from "../hosts.ts";
import {
  CallPattern,
  CollectionName,
  ModelName,
  ObservePattern,
  SubscriptionName,
  TypePattern,
} from "../names.ts";
import { HEALTH_PORT, HEALTH_PORT_NAME } from "../pod/ports.ts";
import type { Condition, KubeObject } from "./object.ts";
import { keyedBy, ruled } from "./rules.ts";
import { Scaling } from "./scaling.ts";

/** What a driver is: `Agent` reasons with a model, `Tool` offers tools, `IO` connects the outside. */
export const DriverClass = z
  .enum(["Agent", "Tool", "IO"])
  .describe("Agent reasons with a model, Tool offers tools, IO connects the outside.");
export type DriverClass = z.infer<typeof DriverClass>;

const open = { "x-kubernetes-preserve-unknown-fields": true };
const anyObject = (description: string) =>
  z
    .record(z.string(), z.unknown())
    .meta({ type: "object", ...open })
    .describe(description);
const texts = z.record(z.string(), z.string());

export const ObjectName = z
  .string()
  .min(1)
  .max(253)
  .regex(
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    "a name of a Kubernetes object: lower-case letters, digits, '-' and '.'",
  );
export const DataKey = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[-._a-zA-Z0-9]+$/, "a key of a ConfigMap or Secret: letters, digits, '-', '_' and '.'");

export const Source = ruled(
  z.object({
    inline: z.string().min(1).max(262_144).optional().describe("One TypeScript or JavaScript module."),
    configMapRef: z
      .object({
        name: ObjectName.describe("Name of the ConfigMap."),
        key: DataKey.default("driver.ts").describe("Key that holds the module."),
      })
      .optional()
      .describe("A ConfigMap of the same namespace that holds the module."),
  }),
  {
    cel: "has(self.inline) != has(self.configMapRef)",
    message: "exactly one of inline and configMapRef must be set",
    holds: (source) => (source.inline === undefined) !== (source.configMapRef === undefined),
  },
);

export const Port = ruled(
  z.object({
    name: z
      .string()
      .min(1)
      .max(15)
      .regex(
        /^[a-z]([a-z0-9]|-[a-z0-9])*$/,
        "lower-case letters, digits and single '-', beginning with a letter",
      )
      .describe("Name of the port; the code asks for the port by it."),
    containerPort: z.int().min(1).max(65_535).describe("Number in the pod and in the Service."),
    protocol: z.enum(["TCP", "UDP"]).default("TCP").describe("TCP or UDP."),
  }),
  {
    cel: `self.containerPort != ${HEALTH_PORT}`,
    message: `port ${HEALTH_PORT} is kept for health and metrics`,
    field: "containerPort",
    holds: (port) => port.containerPort !== HEALTH_PORT,
  },
  {
    cel: `self.name != '${HEALTH_PORT_NAME}'`,
    message: `the name '${HEALTH_PORT_NAME}' is kept for the port of health and metrics`,
    field: "name",
    holds: (port) => port.name !== HEALTH_PORT_NAME,
  },
);
export type Port = z.infer<typeof Port>;

const Ports = ruled(keyedBy(z.array(Port).max(16), "name"), {
  cel: "self.all(p, self.exists_one(q, q.containerPort == p.containerPort && q.protocol == p.protocol))",
  message: "a port number may be used once per protocol",
  holds: (ports) =>
    new Set(ports.map((port) => `${port.protocol}/${port.containerPort}`)).size === ports.length,
});

/** Knative's filter dialects; `filterProblem` says what may be written, docs/events.md what it means. */
export const Filter: z.ZodType<Filter> = z
  .record(z.string(), z.unknown())
  .meta({ type: "object", ...open }) as never;
export type Filter =
  | { exact: Record<string, string> }
  | { prefix: Record<string, string> }
  | { suffix: Record<string, string> }
  | { all: Filter[] }
  | { any: Filter[] }
  | { not: Filter }
  | { cesql: string };

/** How a subscription is delivered; the names are JetStream's. */
export const Delivery = z
  .object({
    ackWait: Duration.default("30s").describe(
      "An event that is neither acknowledged nor in progress is redelivered after this.",
    ),
    maxDeliver: z.int().min(1).max(100).default(5).describe("Attempts before the event is dead-lettered."),
    backoff: z
      .array(Duration)
      .max(20)
      .default(["1s", "5s", "30s"])
      .describe("Delay before each further attempt; the last one is repeated."),
    maxAckPending: z.int().min(1).max(10_000).default(256).describe("Events in hand over all pods."),
    deadLetter: z.boolean().default(true).describe("Keep what failed for good in the dead letters."),
  })
  .prefault({})
  .describe("How events are delivered; the names are JetStream's.");

/** Of an ordered subscription that says nothing of them. docs/decisions/0016-order-by-lanes.md says why so many. */
export const ORDERED_LANES = 16;
/**
 * Of a driver. Each is three imports of its account, and nats-server's work for an account's imports grows with their square: 200 take a
 * fifth of a second, 1,500 took more than five, in which it does nothing else.
 */
export const MAX_LANES = 64;

export const Subscription = z.object({
  name: SubscriptionName.default("default").describe("Name of the durable consumer; one per subscription."),
  types: z
    .array(TypePattern)
    .min(1)
    .max(64)
    .describe("Types of events: '*' stands for one part, a final '>' for one or more."),
  from: z
    .enum(["Events", "Handlings"])
    .default("Events")
    .describe(
      "Events, or Handlings: what became of each delivery to the tenant's drivers, of type vextir.handlings.",
    ),
  filters: z
    .array(Filter)
    .max(32)
    .default([])
    .describe("All must pass (Knative's dialect): exact, prefix, suffix, all, any, not, cesql."),
  ordering: z
    .enum(["None", "ByKey"])
    .default("None")
    .describe("ByKey: events of one partition key are handled one after the other."),
  lanes: z
    .int()
    .min(1)
    .max(MAX_LANES)
    .optional()
    .describe(
      "With ordering ByKey: among how many lanes the keys are spread, each with one event in hand over all pods. Default 16; more of them cost nats-server memory.",
    ),
  delivery: Delivery,
});
export type Subscription = z.infer<typeof Subscription>;

const Subscriptions = ruled(keyedBy(z.array(Subscription).max(32), "name"), {
  cel: `self.map(s, s.ordering == 'ByKey' ? (has(s.lanes) ? s.lanes : ${ORDERED_LANES}) : 0).sum() <= ${MAX_LANES}`,
  message: `ordered subscriptions have at most ${MAX_LANES} lanes together, each ${ORDERED_LANES} where it says nothing of them`,
  holds: (subscriptions) =>
    subscriptions
      .filter(({ ordering }) => ordering === "ByKey")
      .reduce((sum, { lanes = ORDERED_LANES }) => sum + lanes, 0) <= MAX_LANES,
});

export const ContextGrant = z.object({
  collection: CollectionName.describe("Name of the collection."),
  verbs: z
    .array(z.enum(["read", "write", "search", "synthesize"]))
    .min(1)
    .max(4)
    .describe("What may be done there."),
  users: z
    .enum(["All", "Caller"])
    .default("Caller")
    .describe("Whose documents: everybody's, or those of the user on whose behalf an event is handled."),
});

/** What the driver may do. Nothing else exists in its world. */
export const Capabilities = z
  .object({
    publish: z.array(TypePattern).max(256).default([]).describe("Types of events that it may publish."),
    call: z.array(CallPattern).max(256).default([]).describe("Methods that it may call: <driver>.<method>."),
    observe: z
      .array(ObservePattern)
      .max(256)
      .default([])
      .describe("Types of events, or live topics (live.<driver>.<topic>), that it may watch."),
    state: z.boolean().default(false).describe("Its own key-value bucket."),
    context: z.array(ContextGrant).max(64).default([]).describe("Collections of the context hub."),
    models: z.array(ModelName).max(32).default([]).describe("Models, by name."),
    allowedHosts: z
      .array(HostPattern)
      .max(256)
      .default([])
      .describe(
        "Hosts that it may reach through the egress proxy: host, *.host, * for any name, an address; each with :port (default 443). private: before a name allows it private addresses.",
      ),
  })
  .prefault({})
  .describe("What the driver may do. Nothing else exists in its world.");
export type Capabilities = z.infer<typeof Capabilities>;

const EnvVar = ruled(
  z
    .looseObject({
      name: z
        .string()
        .min(1)
        .max(253)
        .regex(
          /^[-._a-zA-Z][-._a-zA-Z0-9]*$/,
          "letters, digits, '-', '_' and '.', not beginning with a digit",
        )
        .describe("Name of the variable."),
      value: z.string().max(32_768).optional().describe("Its value."),
    })
    .meta(open),
  {
    cel: "!self.name.startsWith('VEXTIR_')",
    message: "names that begin with VEXTIR_ are kept for the runtime",
    field: "name",
    holds: (variable) => !variable.name.startsWith("VEXTIR_"),
  },
);

const ConfigSecretRef = z.object({
  name: z
    .string()
    .min(1)
    .max(63)
    .regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, "letters, digits, '_' and '-', not beginning with a digit or '-'")
    .describe("The key of the configuration that it fills."),
  secretKeyRef: z
    .object({
      name: ObjectName.describe("Name of the Secret."),
      key: DataKey.describe("Key within the Secret."),
    })
    .describe("A Secret of the same namespace."),
});

export const DriverSpec = ruled(
  z.object({
    class: DriverClass,
    image: z.string().min(1).max(500).optional().describe("Default: the release's driver image."),
    module: z.string().min(1).max(500).optional().describe("A built-in's name, or a path in the image."),
    source: Source.optional().describe("The code itself, run by the stock image."),
    args: z.array(z.string().max(32_768)).max(64).default([]).describe("Arguments of the process."),
    env: keyedBy(z.array(EnvVar).max(128), "name")
      .default([])
      .describe("Environment variables (core/v1 EnvVar). A secret reaches a driver as a file only."),
    envFrom: z
      .array(anyObject("core/v1 EnvFromSource"))
      .max(16)
      .default([])
      .describe(
        "ConfigMaps whose keys become environment variables. A secret reaches a driver as a file only.",
      ),
    config: anyObject("Configuration, validated against the manifest's schema.").default({}),
    configSecretRefs: keyedBy(z.array(ConfigSecretRef).max(32), "name")
      .default([])
      .describe("Values of the configuration that are mounted as files from Secrets."),
    ports: Ports.default([]).describe("Ports that it serves: each gets an entry in its Service."),
    subscriptions: Subscriptions.default([]).describe("Events that it is given."),
    capabilities: Capabilities,
    replicas: z.int().min(0).max(1_000).default(1).describe("Number of pods. Ignored when scaling is set."),
    scaling: Scaling.optional().describe("Scale by waiting events instead; KEDA's names and seconds."),
    revisionHistoryLimit: z
      .int()
      .min(0)
      .max(100)
      .default(10)
      .describe("Versions that ran and are kept beside the one that runs, to go back to."),
    resources: anyObject("core/v1 ResourceRequirements of the container.").default({}),
    nodeSelector: texts.default({}).describe("Labels of the nodes that may run it."),
    tolerations: z
      .array(anyObject("core/v1 Toleration"))
      .max(64)
      .default([])
      .describe("Taints of nodes that it tolerates."),
    affinity: anyObject("core/v1 Affinity of the pods.").optional(),
    serviceAccount: z
      .object({ annotations: texts.default({}).describe("Annotations, for example for cloud identities.") })
      .prefault({})
      .describe("The driver's own ServiceAccount; another's can't be named."),
    podTemplate: anyObject("core/v1 PodTemplateSpec, merged under what security fixes.").optional(),
    terminationGracePeriodSeconds: z
      .int()
      .min(1)
      .max(3_600)
      .default(30)
      .describe("Seconds that a pod has to finish what it has in hand."),
  }),
  {
    cel: "has(self.module) || has(self.source) || has(self.image)",
    message: "set module or source, or an image of your own",
    holds: (spec) => spec.module !== undefined || spec.source !== undefined || spec.image !== undefined,
  },
  {
    cel: "!(has(self.module) && has(self.source))",
    message: "module and source exclude each other",
    field: "module",
    holds: (spec) => spec.module === undefined || spec.source === undefined,
  },
);
export type DriverSpec = z.infer<typeof DriverSpec>;

export const DRIVER_CONDITIONS = [
  "Accepted",
  "CapabilitiesGranted",
  "BusAccessReady",
  "SubscriptionsReady",
  "RuntimeHealthy",
  "EgressEnforced",
  "Active",
  "ScalingActive",
  "Ready",
] as const;
export type DriverConditionType = (typeof DRIVER_CONDITIONS)[number];

export interface DriverStatus {
  observedGeneration?: number;
  replicas?: number;
  readyReplicas?: number;
  /** Serialized label selector, for the scale subresource. */
  selector?: string;
  manifest?: { name: string; version: string; hash: string };
  /** Name of the ControllerRevision that holds what ran last with every pod ready. */
  currentRevision?: string;
  conditions?: Condition[];
}

/** As stored: defaults are filled in by the API server, or by `DriverSpec.parse` where there is none. */
export interface Driver extends KubeObject {
  kind: "Driver";
  spec: DriverSpec;
  status?: DriverStatus;
}

export const PAUSED_ANNOTATION = "vextir.io/paused";
