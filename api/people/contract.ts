import { z } from "zod";

/** Tokens that are made for the operator's API alone have this audience; those of the API server are taken too. */
export const API_AUDIENCE = "vextir-api";

/** Where the operator's API is, in its namespace. */
export const OPERATOR_API = { service: "vextir-operator-api", port: 9465, portName: "api" } as const;

/** What the CLI trusts, in the operator's namespace. */
export const AUTHORITY_CONFIG_MAP = { name: "vextir-ca", key: "ca.crt" } as const;

/** Keys that belong to no tenant. */
export const ClusterKeys = z.enum(["operator", "master", "authority"]);
export type ClusterKeys = z.infer<typeof ClusterKeys>;

/** A rotation was taken note of; the operator's leader carries it out. */
export const RotationBegun = z.object({
  what: z.string(),
  /** Absent: it goes by the clock and is not waited for. */
  id: z.string().optional(),
  message: z.string(),
});
export type RotationBegun = z.infer<typeof RotationBegun>;

export const RotationState = z.object({
  id: z.string(),
  what: z.string(),
  state: z.enum(["Running", "Done", "Refused"]),
  message: z.string(),
});
export type RotationState = z.infer<typeof RotationState>;

/** RFC 9457. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  /** CamelCase. */
  reason: z.string(),
  detail: z.string(),
});
export type Problem = z.infer<typeof Problem>;

/** A change of a driver's pods by the autoscaler. */
export const ScalingDecision = z.object({
  /** RFC 3339. */
  at: z.string(),
  from: z.number(),
  to: z.number(),
  /** CamelCase. */
  reason: z.string(),
  message: z.string(),
});
export type ScalingDecision = z.infer<typeof ScalingDecision>;

/** What the autoscaler sees of a driver and why it has as many pods as it has. */
export const ScalingReport = z.object({
  namespace: z.string(),
  name: z.string(),
  /** Wanted. */
  replicas: z.number(),
  readyReplicas: z.number(),
  reason: z.string(),
  message: z.string(),
  /** As read last; absent: never yet. */
  lag: z
    .object({ total: z.number(), pending: z.number(), inFlight: z.number(), redelivered: z.number() })
    .optional(),
  lookedMsAgo: z.number().optional(),
  /** Looks that failed, one after the other. */
  failures: z.number(),
  /** Since there was work. */
  activeMsAgo: z.number(),
  bounds: z.object({
    minReplicaCount: z.number(),
    maxReplicaCount: z.number(),
    idleReplicaCount: z.number().optional(),
    /** By the schedule in force; 0: none. */
    scheduled: z.number(),
  }),
  /** Events that a pod handles in a second, where it was measured. */
  podPerSecond: z.number().optional(),
  /** The last ones, the newest first. */
  decisions: z.array(ScalingDecision),
});
export type ScalingReport = z.infer<typeof ScalingReport>;
