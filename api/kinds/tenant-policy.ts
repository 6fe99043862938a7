import { z } from "zod";
import { HostBound } from "../hosts.ts";
import { CallPattern, ObserveBound, TypePattern } from "../names.ts";
import { DriverClass } from "./driver.ts";
import { Quantity } from "./event-bus.ts";
import type { Condition, KubeObject } from "./object.ts";
import { ruled } from "./rules.ts";

const LABEL_KEY = "([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?";
const isLabelKey = (key: string) => key.length <= 317 && new RegExp(`^${LABEL_KEY}$`).test(key);

const LabelValue = z
  .string()
  .max(63)
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/, "a label's value");

const MatchLabels = ruled(z.record(z.string(), LabelValue).meta({ maxProperties: 16 }), {
  cel: `self.all(key, key.size() <= 317 && key.matches('^${LABEL_KEY}$'))`,
  message: "every key must be that of a label",
  holds: (labels) => Object.keys(labels).every(isLabelKey),
}).refine((labels) => Object.keys(labels).length <= 16, "at most 16 labels");

const MatchExpression = ruled(
  z.object({
    key: z
      .string()
      .min(1)
      .max(317)
      .regex(new RegExp(`^${LABEL_KEY}$`), "a label's key")
      .describe("Key of the label."),
    operator: z
      .enum(["In", "NotIn", "Exists", "DoesNotExist"])
      .describe("How the label is compared; NotIn and DoesNotExist hold where there is no such label."),
    values: z.array(LabelValue).max(64).optional().describe("Values, for In and NotIn."),
  }),
  {
    cel: "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
    message: "In and NotIn need values, Exists and DoesNotExist take none",
    field: "values",
    holds: ({ operator, values = [] }) => ["In", "NotIn"].includes(operator) === values.length > 0,
  },
);

/** metav1.LabelSelector: everything in it must hold. */
export const NamespaceSelector = z.object({
  matchLabels: MatchLabels.optional().describe("Labels that the namespace must have."),
  matchExpressions: z.array(MatchExpression).max(16).optional().describe("What must hold of its labels."),
});
export type NamespaceSelector = z.infer<typeof NamespaceSelector>;

const ImageBound = z
  .string()
  .min(1)
  .max(500)
  .regex(
    /^[A-Za-z0-9*][A-Za-z0-9._:/@*-]*$/,
    "an image, '*' for a part of a name without '/', '**' for anything",
  );

/** A name, or the beginning of names: `notes-*`. */
const NameBound = z
  .string()
  .min(1)
  .max(200)
  .regex(/^[^*]*\*?$/, "a name; a final '*' stands for whatever follows");

const ContextBound = z.object({
  collection: NameBound.describe("Name of the collection; a final '*' stands for whatever follows."),
  verbs: z
    .array(z.enum(["read", "write", "search", "synthesize"]))
    .min(1)
    .max(4)
    .describe("What may be done there at most."),
  users: z
    .enum(["All", "Caller"])
    .default("Caller")
    .describe(
      "Whose documents at most: everybody's, or those of the user on whose behalf an event is handled.",
    ),
});

/** Of every list: absent, no bound; empty, nothing. */
const CapabilityBounds = z.object({
  publish: z.array(TypePattern).max(256).optional().describe("Types that may be published."),
  subscribe: z.array(TypePattern).max(256).optional().describe("Types that subscriptions may bring."),
  observe: z
    .array(ObserveBound)
    .max(256)
    .optional()
    .describe("Types and live topics that may be watched; live.*.> stands for every driver's topics."),
  call: z.array(CallPattern).max(256).optional().describe("Methods that may be called."),
  context: z.array(ContextBound).max(64).optional().describe("Collections of the context hub."),
  models: z.array(NameBound).max(64).optional().describe("Models, by name."),
  allowedHosts: z
    .array(HostBound)
    .max(256)
    .optional()
    .describe(
      "Hosts, as in a Driver's allowedHosts, and host:* for any port. No wildcard covers an address or a private: name.",
    ),
  state: z.boolean().optional().describe("Whether a driver may have a bucket of its own."),
});
export type CapabilityBounds = z.infer<typeof CapabilityBounds>;

const Quotas = z.object({
  drivers: z
    .int()
    .min(0)
    .max(100_000)
    .optional()
    .describe("Drivers in a namespace; the oldest are admitted."),
  replicas: z
    .int()
    .min(0)
    .max(1_000)
    .optional()
    .describe("Pods of one Driver: its replicas, or the most of its scaling."),
  connections: z
    .int()
    .min(1)
    .max(4_200)
    .optional()
    .describe("Connections of one Driver to the bus; the bus refuses more."),
  subscriptions: z
    .int()
    .min(16)
    .max(10_000)
    .optional()
    .describe("Subscriptions of one Driver's connection to the bus; the bus refuses more."),
  publishBytesPerSecond: z
    .int()
    .min(1_024)
    .max(1_000_000_000_000)
    .optional()
    .describe("What one Driver may send in the long run, where its EventBus allows more."),
  eventBytes: Quantity.optional().describe("Size of a namespace's events, whatever its EventBus says."),
  deadLetterBytes: Quantity.optional().describe("Size of a namespace's dead letters."),
  handlingBytes: Quantity.optional().describe("Size of what is told of a namespace's handlings."),
  directedBytes: Quantity.optional().describe(
    "Size of a namespace's replayed and redriven events that are not handled yet.",
  ),
  stateBytes: Quantity.optional().describe("Size of each Driver's own bucket."),
});
export type Quotas = z.infer<typeof Quotas>;

const Sharing = z.object({
  to: z.array(NameBound).max(64).optional().describe("Namespaces that an EventBus may export to."),
  from: z.array(NameBound).max(64).optional().describe("Namespaces that an EventBus may import from."),
});

const FieldPath = z
  .string()
  .min(1)
  .max(200)
  .regex(
    /^(metadata|spec)(\.[A-Za-z][A-Za-z0-9]*)*$/,
    "a path within podTemplate such as spec.containers.resources",
  );

/**
 * The most that Drivers of the selected namespaces may have. A field that is absent bounds nothing; an empty list allows nothing.
 * Of several policies that select a namespace all hold.
 */
export const TenantPolicySpec = z.object({
  namespaceSelector: NamespaceSelector.optional().describe(
    "Namespaces that it holds for; absent or empty: all of them.",
  ),
  classes: z.array(DriverClass).max(3).optional().describe("Classes that Drivers may be of."),
  images: z
    .array(ImageBound)
    .max(64)
    .optional()
    .describe(
      "Images that may run beside the release's own: '*' stands for a part of a name without '/', '**' for anything.",
    ),
  inlineSource: z
    .enum(["Allow", "Deny"])
    .default("Allow")
    .describe("Deny: code comes from images alone, not from the spec, ConfigMaps or Secrets."),
  podTemplate: z
    .array(FieldPath)
    .max(64)
    .optional()
    .describe(
      "Fields of podTemplate that may be set, with all below them; entries of a list are not told apart.",
    ),
  priorityClasses: z
    .array(NameBound)
    .max(64)
    .optional()
    .describe("Priority classes that podTemplate may name; those of the system it never may."),
  capabilities: CapabilityBounds.prefault({}).describe(
    "The most that capabilities and subscriptions may say.",
  ),
  sharing: Sharing.prefault({}).describe(
    "With which other tenants types and methods may be shared; a final '*' of a name stands for whatever follows.",
  ),
  quotas: Quotas.prefault({}).describe("How much there may be."),
});
export type TenantPolicySpec = z.infer<typeof TenantPolicySpec>;

export interface TenantPolicyStatus {
  observedGeneration?: number;
  /** Drivers that it holds for. */
  drivers?: number;
  /** Of these, those that it refuses. */
  refused?: number;
  conditions?: Condition[];
}

/** Cluster-scoped. */
export interface TenantPolicy extends KubeObject {
  kind: "TenantPolicy";
  spec: TenantPolicySpec;
  status?: TenantPolicyStatus;
}
