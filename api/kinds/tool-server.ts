import { z } from "zod";
import { DEFAULT_PORT, HostPattern } from "../hosts.ts";
import { DataKey, ObjectName } from "./driver.ts";
import type { Condition, KubeObject } from "./object.ts";

/** A server whose tools become tools of the tenant's: the operator runs a Driver of this name for it. */
export const ToolServerSpec = z.object({
  protocol: z
    .enum(["MCP"])
    .default("MCP")
    .describe("What it speaks. MCP: Model Context Protocol, streamable HTTP."),
  url: z
    .string()
    .max(500)
    .regex(
      /^https?:\/\/[^/?#@\s]+(\/[^#\s]*)?$/,
      "an http or https URL without user and fragment, such as https://mcp.example.org/mcp",
    )
    .describe("Where it is."),
  credential: z
    .object({
      secretRef: z
        .object({
          name: ObjectName.describe("Name of the Secret."),
          key: DataKey.default("token").describe("Key within the Secret."),
        })
        .describe("A Secret of the same namespace. Renewed, it is used without a new pod."),
      header: z
        .string()
        .min(1)
        .max(100)
        .regex(/^[A-Za-z0-9-]+$/, "a name of a header: letters, digits and '-'")
        .default("Authorization")
        .describe("The header that carries it."),
      scheme: z
        .string()
        .max(50)
        .regex(/^[A-Za-z0-9-]*$/, "letters, digits and '-'")
        .default("Bearer")
        .describe("What stands before it in the header; empty: nothing does."),
    })
    .optional()
    .describe("What is shown to the server; absent: it wants nothing."),
  tools: z
    .array(z.string().min(1).max(200))
    .max(200)
    .optional()
    .describe("Those of its tools, by its names, that are offered; absent: all."),
  allowedHosts: z
    .array(HostPattern)
    .min(1)
    .max(16)
    .optional()
    .describe(
      "As of a Driver's capabilities; absent: the host of url alone, a name with public addresses. An address has to be named here.",
    ),
  timeoutSeconds: z.int().min(1).max(600).default(60).describe("A call that takes longer is given up."),
  maxAnswerBytes: z
    .int()
    .min(1_024)
    .max(16_777_216)
    .default(1_048_576)
    .describe("A larger answer is not read to its end."),
  replicas: z.int().min(1).max(100).default(1).describe("Number of pods that stand for it."),
});
export type ToolServerSpec = z.infer<typeof ToolServerSpec>;

export const TOOL_SERVER_CONDITIONS = ["Accepted", "DriverReady", "Reachable", "Ready"] as const;
export type ToolServerConditionType = (typeof TOOL_SERVER_CONDITIONS)[number];

export interface ToolServerStatus {
  observedGeneration?: number;
  /** What the server says that it is. */
  server?: { name: string; version: string };
  toolCount?: number;
  /** Methods of the Driver. */
  tools?: string[];
  lastError?: { message: string; at: string };
  conditions?: Condition[];
}

export interface ToolServer extends KubeObject {
  kind: "ToolServer";
  spec: ToolServerSpec;
  status?: ToolServerStatus;
}

/** Where the server is reached, as an entry of `allowedHosts` names it: `host:port`. @throws TypeError when `url` is none. */
export function toolServerHost({ url }: Pick<ToolServerSpec, "url">): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port || (protocol === "http:" ? 80 : DEFAULT_PORT)}`;
}
