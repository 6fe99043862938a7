import { Duration, EventType, matches, TypePattern } from "@vextir/driver-runtime";
import { z } from "zod";
import { Auth, RateLimits } from "./access/config.ts";

const DRIVER = /^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$/;
const Secret = z.string().min(16).max(256);

export const Config = z
  .object({
    auth: Auth.describe("Who may come in, and what for. Empty: nobody."),
    rateLimit: RateLimits.describe("How often."),
    audit: z
      .enum(["All", "Refused"])
      .default("Refused")
      .describe("Requests that are told in the log: who, what, and the status."),
    trustedProxies: z
      .array(z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]))
      .max(32)
      .default([])
      .describe("Addresses of proxies whose X-Forwarded-For is believed."),
    maxBodyBytes: z
      .int()
      .min(1_024)
      .max(67_108_864)
      .default(1_048_576)
      .describe(
        "Largest body, batches included. An event larger than the bus takes is refused all the same.",
      ),
    maxBatchEvents: z.int().min(1).max(1_000).default(100).describe("Most events of one batch."),
    maxRequests: z
      .int()
      .min(1)
      .max(10_000)
      .default(256)
      .describe("Requests under way at the same time, those that wait not counted."),
    maxWaitSeconds: z
      .int()
      .min(0)
      .max(300)
      .default(30)
      .describe("Longest time that a request may wait for what follows its event; 0: none may."),
    maxWaiting: z.int().min(1).max(10_000).default(256).describe("Requests that wait at the same time."),
    traces: z
      .enum(["Continue", "Restart"])
      .default("Continue")
      .describe(
        "Whether a client's own trace goes on. Restart: it is linked to; for gateways that anybody reaches, since whoever names a trace decides that it is sampled.",
      ),
    githubWebhookSecret: Secret.optional().describe("By configSecretRefs: opens /webhooks/github."),
    gitlabWebhookToken: Secret.optional().describe("By configSecretRefs: opens /webhooks/gitlab."),
    giteaWebhookSecret: Secret.optional().describe("By configSecretRefs: opens /webhooks/gitea."),
    history: z
      .boolean()
      .default(false)
      .describe("Streams are caught up from the ledger; capabilities.call must grant <ledger>.query."),
    ledger: z
      .string()
      .regex(DRIVER, "a Driver's name")
      .default("ledger")
      .describe("Name of the Driver that answers questions about history."),
    duplicateWindow: Duration.default("2m").describe(
      "The EventBus's: so long the bus itself knows an event that is sent again. Beyond it the ledger is asked, where capabilities.call grants <ledger>.known.",
    ),
    drivers: z
      .array(z.string().regex(DRIVER, "a Driver's name"))
      .max(64)
      .default([])
      .describe(
        "Drivers that /api/health shows, and whose registered types of events are held to; capabilities.call must grant <driver>._about.",
      ),
    health: z
      .array(z.string().regex(/^[a-z][-a-z0-9]*\.[A-Za-z0-9_-]+$/, "<driver>.<method>"))
      .max(16)
      .default([])
      .describe(
        "Methods that are called with {} to see whether their driver answers; they should do nothing else.",
      ),
    mcp: z
      .object({
        timeout: Duration.default("60s").describe("Longest time that a tool may take."),
        allowedOrigins: z
          .array(z.url().max(500))
          .max(32)
          .default([])
          .describe("Origins of web pages that may ask; others are refused, whoever asks from there."),
      })
      .prefault({})
      .describe(
        "The tenant's tools for MCP clients: those that capabilities.call and a grant's tools allow.",
      ),
    maxStreams: z.int().min(0).max(10_000).default(256).describe("Open streams at the same time."),
    observe: z
      .array(TypePattern)
      .max(64)
      .default([])
      .describe(
        "Types of events that are shown to waiting requests and in streams; capabilities.observe must grant them.",
      ),
    replies: z
      .record(EventType, EventType)
      .default({})
      .describe(
        "Type of an event -> type of the event that ends a wait for it, where the client names none.",
      ),
  })
  .superRefine(({ replies, observe }, context) => {
    for (const [type, reply] of Object.entries(replies)) {
      if (isObserved(observe, reply)) continue;
      const message = `no pattern of "observe" matches "${reply}": a wait would never see it`;
      context.addIssue({ code: "custom", path: ["replies", type], message });
    }
  });
export type Config = z.infer<typeof Config>;

export const isObserved = (observe: readonly string[], type: string) =>
  observe.some((pattern) => matches(pattern, type));
