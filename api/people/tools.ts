import { z } from "zod";
import { DriverName, MethodName } from "../names.ts";

/** Drivers that are asked for their tools at once; of a namespace with more, the rest have to be named. */
export const MAX_TOOL_DRIVERS = 256;

/** A tool of a namespace, as its driver tells of it. */
export const ListedTool = z.object({
  driver: DriverName,
  method: MethodName,
  description: z.string(),
  /** JSON Schema of the argument; absent: it takes none, or anything. */
  input: z.record(z.string(), z.unknown()).optional(),
});
export type ListedTool = z.infer<typeof ListedTool>;

export const ToolList = z.object({
  /** Sorted by driver and method. */
  tools: z.array(ListedTool),
  /** Drivers that did not answer: not ready, or scaled to zero. */
  silent: z.array(DriverName),
});
export type ToolList = z.infer<typeof ToolList>;

/** A call of a tool by a person. */
export const ToolCallRequest = z.strictObject({ input: z.unknown().optional() });
export type ToolCallRequest = z.infer<typeof ToolCallRequest>;

/** What became of it: `error` is the driver's own word. */
export const ToolCallResult = z.object({
  output: z.unknown().optional(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
});
export type ToolCallResult = z.infer<typeof ToolCallResult>;
