import { z } from "zod";
import { keyedBy } from "../kinds/rules.ts";

/** metav1.Condition, with its own limits. */
const Condition = z.object({
  type: z
    .string()
    .max(316)
    .regex(/^[A-Za-z]([A-Za-z0-9]*)$/)
    .describe("What is said something of."),
  status: z.enum(["True", "False", "Unknown"]).describe("True, False or Unknown."),
  reason: z
    .string()
    .min(1)
    .max(1_024)
    .regex(/^[A-Za-z]([A-Za-z0-9]*)$/)
    .describe("Why, in one CamelCase word."),
  message: z.string().max(32_768).describe("Why, for people."),
  observedGeneration: z
    .int()
    .min(0)
    .meta({ format: "int64" })
    .optional()
    .describe("Generation it speaks of."),
  lastTransitionTime: z.iso
    .datetime()
    .meta({ format: "date-time" })
    .describe("When the status last changed."),
});

const observed = {
  observedGeneration: z
    .int()
    .min(0)
    .meta({ format: "int64" })
    .optional()
    .describe("Generation of the spec that the status speaks of."),
  conditions: keyedBy(z.array(Condition).max(16), "type").optional().describe("What is and what is not."),
};

/** As `DriverStatus`. */
export const DriverStatusSchema = z
  .object({
    ...observed,
    replicas: z.int().min(0).optional().describe("Pods that exist."),
    readyReplicas: z.int().min(0).optional().describe("Pods that are ready."),
    selector: z.string().optional().describe("Label selector of the pods, for autoscalers."),
    manifest: z
      .object({
        name: z.string().describe("Name that the code has."),
        version: z.string().describe("Version that the code has."),
        hash: z.string().describe("Identifies the manifest."),
      })
      .optional()
      .describe("What the running code says of itself."),
    currentRevision: z
      .string()
      .optional()
      .describe("Name of the ControllerRevision that holds what ran last with every pod ready."),
  })
  .describe("What was observed.");

/** As `ToolServerStatus`. */
export const ToolServerStatusSchema = z
  .object({
    ...observed,
    server: z
      .object({ name: z.string().describe("Its name."), version: z.string().describe("Its version.") })
      .optional()
      .describe("What the server says that it is."),
    toolCount: z.int().min(0).optional().describe("Tools that are offered."),
    tools: z
      .array(z.string())
      .max(256)
      .optional()
      .describe("Tools that are offered: methods of the Driver of the same name."),
    lastError: z
      .object({
        message: z.string().describe("What it was."),
        at: z.iso.datetime().meta({ format: "date-time" }).describe("When it was first seen."),
      })
      .optional()
      .describe("What went wrong last when the server was asked for its tools."),
  })
  .describe("What was observed.");

/** As `EventBusStatus`. */
export const EventBusStatusSchema = z.object(observed).describe("What was observed.");

/** As `TenantPolicyStatus`. */
export const TenantPolicyStatusSchema = z
  .object({
    ...observed,
    drivers: z.int().min(0).optional().describe("Drivers that it holds for."),
    refused: z.int().min(0).optional().describe("Of these, those that it refuses."),
  })
  .describe("What was observed.");
