import { createHash } from "node:crypto";
import { z } from "zod";
import { maybeCatalogued } from "./catalogue/catalogue.ts";
import { HostPattern } from "./hosts.ts";
import { DriverClass } from "./kinds/driver.ts";
import { CallPattern, DriverName, EventType, LivePattern, MethodName, TypePattern } from "./names.ts";

const JsonSchema = z.record(z.string(), z.unknown());

/** One method that others may call; with a description it is a tool, which agents are shown. */
export const Method = z.object({
  name: MethodName,
  description: z.string().max(4_000).optional(),
  input: JsonSchema.optional().describe("JSON Schema of the argument."),
  output: JsonSchema.optional().describe("JSON Schema of the answer."),
});
export type Method = z.infer<typeof Method>;

/** A type that a driver registers: not of a family of the event catalogue, whose types mean the same everywhere. */
export const OwnType = z.object({
  type: EventType.refine((type) => !maybeCatalogued(type), {
    error: "types of this family are the event catalogue's",
  }),
  schema: JsonSchema,
});

/** What the code needs; the Driver object grants. */
export const Needs = z
  .object({
    publish: z.array(TypePattern).default([]),
    call: z.array(CallPattern).default([]),
    observe: z.array(z.union([TypePattern, LivePattern])).default([]),
    state: z.boolean().default(false),
    /** As in a Driver; absent: none. */
    allowedHosts: z.array(HostPattern).max(256).optional(),
  })
  .prefault({});
export type Needs = z.infer<typeof Needs>;

const ResourceQuantities = z.record(
  z.string().min(1).max(63),
  z
    .string()
    .max(32)
    .regex(/^\d+(\.\d+)?(m|[kMGTPE]|[KMGTPE]i)?$/, "a quantity such as 100m, 1 or 96Mi"),
);

/** What a pod of the code is fine with, where its Driver doesn't say: core/v1 ResourceRequirements. */
export const ResourceSpec = z.object({
  requests: ResourceQuantities.optional(),
  limits: ResourceQuantities.optional(),
});
export type ResourceSpec = z.infer<typeof ResourceSpec>;

/** What a driver's code says of itself. */
export const Manifest = z.object({
  name: DriverName,
  version: z.string().min(1).max(64),
  class: DriverClass,
  description: z.string().max(4_000).optional(),
  subscriptions: z
    .array(z.object({ type: TypePattern, schema: JsonSchema.optional() }))
    .max(256)
    .default([])
    .describe("The types that it handles."),
  methods: z.array(Method).max(256).default([]),
  config: JsonSchema.optional().describe("JSON Schema of `spec.config`."),
  capabilities: Needs,
  resources: ResourceSpec.optional().describe("What its pods ask for, where the Driver names nothing of it."),
  events: z
    .array(OwnType)
    .max(256)
    .optional()
    .describe("Types of its own that it publishes, with the JSON Schema of their data."),
});
export type Manifest = z.infer<typeof Manifest>;
/** A manifest as an author writes it: defaults left out. */
export type ManifestInput = z.input<typeof Manifest>;

/** The runtime's report of its manifest, sent when it starts, to `SUBJECTS.report`. */
export const ManifestReport = z.object({
  pod: z.string().max(253),
  templateHash: z.string().max(64),
  manifest: Manifest,
});
export type ManifestReport = z.infer<typeof ManifestReport>;

/** The operator's answer; refused pods stay unready and ask again. */
export const ManifestVerdict = z.object({
  accepted: z.boolean(),
  reason: z.string(),
  message: z.string(),
});
export type ManifestVerdict = z.infer<typeof ManifestVerdict>;

/** Identifies a manifest: the first 16 hex digits of the SHA-256 of its JSON with sorted keys. */
export function manifestHash(manifest: Manifest): string {
  return createHash("sha256").update(canonicalJson(manifest)).digest("hex").slice(0, 16);
}

/** JSON with every object's keys sorted and undefined members left out: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
