import { z } from "zod";
import { MethodName } from "../names.ts";

/** The method by which a driver tool-bridge says how the server does that it stands for. No tool: it has no description. */
export const TOOL_SERVER_METHOD = "_server";

/** How the server did when it was asked last, by one of the driver's pods. */
export const ToolServerReport = z.object({
  state: z.enum(["NotAskedYet", "Reachable", "Unreachable"]),
  /** What the server says that it is. */
  server: z.object({ name: z.string().max(200), version: z.string().max(200) }).optional(),
  /** Methods that are offered. */
  tools: z.array(MethodName).max(256),
  /** Tools of the server that are not, and why. */
  leftOut: z.array(z.string().max(1_000)).max(32),
  /** What went wrong last. */
  lastError: z.object({ message: z.string().max(1_000), at: z.iso.datetime() }).optional(),
});
export type ToolServerReport = z.infer<typeof ToolServerReport>;
