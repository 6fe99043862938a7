import { z } from "zod";
import { Duration } from "../duration.ts";
import { MethodPattern, NamespaceName, TypePattern } from "../names.ts";
import type { Condition, KubeObject } from "./object.ts";
import { keyedBy } from "./rules.ts";

/** A byte count as Kubernetes writes it: `512Mi`, `20Gi`, or a plain number. */
export const Quantity = z
  .string()
  .max(20)
  .regex(/^\d+(Ki|Mi|Gi|Ti)?$/, "a number of bytes such as 512Mi or 20Gi");

const FACTORS: Record<string, number> = { "": 1, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40 };

/** Bytes of a quantity. @throws RangeError when it is none. */
export function quantityBytes(text: string): number {
  const match = /^(\d+)(Ki|Mi|Gi|Ti)?$/.exec(text);
  if (!match) throw new RangeError(`"${text}" is not a number of bytes such as 512Mi or 20Gi`);
  return Number(match[1]) * (FACTORS[match[2] ?? ""] ?? 1);
}

const Limits = z.object({
  maxAge: Duration.default("168h").describe("What is older is dropped."),
  maxBytes: Quantity.default("1Gi").describe("Beyond this size the oldest is dropped."),
});

const Events = Limits.extend({
  maxMsgsPerSubject: z
    .int()
    .min(1)
    .max(1_000_000_000)
    .optional()
    .describe(
      "Events of one publisher, type and partition; beyond it the oldest of these is dropped. Absent: no bound.",
    ),
});

/** What a driver may send over all its connections, calls and state included: a token bucket. */
const PublishQuota = z
  .object({
    bytesPerSecond: Quantity.default("1Mi").describe(
      "What a driver may send in the long run: headers and payload, and 128 bytes for each message.",
    ),
    burst: Quantity.default("64Mi").describe("What it may send at once, after it was quiet."),
  })
  .prefault({})
  .describe(
    "Beyond it a driver's events, dead letters and state are refused, a second or two later, until a quarter of burst is there again.",
  );

const ExportName = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, "a DNS label: lower-case letters, digits and '-'");

const SharedExport = z.object({
  name: ExportName.describe("Name of the export; the other tenant imports it by this."),
  types: z.array(TypePattern).max(32).default([]).describe("Types of events that may be observed."),
  methods: z
    .array(MethodPattern)
    .max(32)
    .default([])
    .describe("Methods that may be called: <driver>.<method>, '*' for a part."),
  to: z.array(NamespaceName).min(1).max(64).describe("Namespaces that may import it."),
});

const SharedImport = z.object({
  namespace: NamespaceName.describe("Namespace that exports."),
  name: ExportName.describe("Name of its export."),
});

/** A tenant's bus: the streams of its namespace and their limits. */
export const EventBusSpec = z.object({
  events: Events.prefault({}).describe("Events; what is older or beyond the size is dropped, oldest first."),
  deadLetters: Limits.prefault({ maxAge: "720h", maxBytes: "256Mi" }).describe(
    "Events that could not be handled; limited like events.",
  ),
  handlings: Limits.prefault({ maxAge: "72h", maxBytes: "256Mi" }).describe(
    "What became of each delivery, for the ledger; limited like events.",
  ),
  directed: Limits.prefault({ maxAge: "720h", maxBytes: "256Mi" }).describe(
    "Replayed and redriven events until they are handled; beyond the size a replay waits.",
  ),
  state: z
    .object({ maxBytes: Quantity.default("64Mi").describe("A put beyond this size is refused.") })
    .prefault({})
    .describe("Size of each driver's own bucket."),
  publishQuota: PublishQuota,
  maxEventBytes: Quantity.default("1Mi").describe("Largest event, headers included."),
  duplicateWindow: Duration.default("2m").describe(
    "Within it the bus drops an event that repeats a message id.",
  ),
  exports: keyedBy(z.array(SharedExport).max(32), "name")
    .default([])
    .describe(
      "What other tenants may have of this one, where they import it and a Driver of theirs is granted it.",
    ),
  imports: z
    .array(SharedImport)
    .max(64)
    .default([])
    .describe("Exports of other tenants that Drivers here may be granted, as @<namespace>.<type or method>."),
  deletionPolicy: z
    .enum(["Retain", "Delete"])
    .default("Retain")
    .describe("What happens to the streams when the EventBus is deleted."),
});
export type EventBusSpec = z.infer<typeof EventBusSpec>;

export interface EventBusStatus {
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface EventBus extends KubeObject {
  kind: "EventBus";
  spec: EventBusSpec;
  status?: EventBusStatus;
}

/** A namespace has one bus; its object is named this (CEL refuses others). */
export const EVENT_BUS_NAME = "default";
