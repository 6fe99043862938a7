import { z } from "zod";
import { Duration } from "../duration.ts";
import { ruled } from "./rules.ts";

const whole = z.int().min(0).max(1_000_000_000);
const pods = whole.max(1_000);

const ScalingPolicy = z.object({
  type: z
    .enum(["Pods", "Percent"])
    .describe("Pods, or Percent of those that there were when the period began."),
  value: z.int().min(1).max(100_000).describe("At most so many are added or taken away within the period."),
  periodSeconds: z.int().min(1).max(1_800).describe("Length of the period, in seconds."),
});
export type ScalingPolicy = z.infer<typeof ScalingPolicy>;

const direction = (windowSeconds: number) =>
  z
    .object({
      stabilizationWindowSeconds: whole
        .max(3_600)
        .default(windowSeconds)
        .describe("The most cautious of what was found right in so many seconds counts."),
      selectPolicy: z
        .enum(["Max", "Min", "Disabled"])
        .default("Max")
        .describe(
          "Which policy counts: the one that allows most, or least; Disabled: never in this direction.",
        ),
      policies: z
        .array(ScalingPolicy)
        .max(8)
        .default([])
        .describe("Bounds of how fast it goes; without one it goes at once."),
    })
    .prefault({});
export type ScalingDirection = z.infer<ReturnType<typeof direction>>;

/** As of a HorizontalPodAutoscaler (autoscaling/v2), with its names. */
const Behavior = z
  .object({
    scaleUp: direction(0).describe("More pods: by default at once."),
    scaleDown: direction(300).describe("Fewer pods: by default what five minutes found right."),
  })
  .prefault({})
  .describe("How fast it scales, with the names of a HorizontalPodAutoscaler.");

const Fallback = z
  .object({
    failureThreshold: whole
      .min(1)
      .max(1_000)
      .default(3)
      .describe("After so many failed looks at the lag, one after the other."),
    replicas: pods.describe("So many pods then, where there are fewer; none are taken away."),
  })
  .describe("What to do while the lag can't be read; without it the pods stay as they are.");

const Schedule = z.object({
  cron: z
    .string()
    .min(9)
    .max(128)
    .regex(/^\S+( \S+){4}$/, "five fields: minute, hour, day of the month, month, day of the week")
    .describe("When it begins: minute, hour, day of the month, month, day of the week."),
  timezone: z
    .string()
    .min(1)
    .max(64)
    .regex(/^[A-Za-z][A-Za-z0-9_+/-]*$/, "a time zone of the IANA database, such as Europe/Berlin")
    .default("UTC")
    .describe("Time zone of the cron expression, a name of the IANA database."),
  minReplicaCount: pods.describe(
    "Fewest pods from then on, with and without work, until another schedule begins.",
  ),
});
export type Schedule = z.infer<typeof Schedule>;

/** KEDA's names and units (integer seconds). docs/scaling.md says what follows from them. */
export const Scaling = ruled(
  z.object({
    minReplicaCount: pods.default(0).describe("Fewest pods while there is work."),
    maxReplicaCount: pods.min(1).default(10).describe("Most pods."),
    idleReplicaCount: pods.optional().describe("Pods without work; less than minReplicaCount."),
    lagThreshold: whole.min(1).default(10).describe("Waiting events for which one pod is meant."),
    activationLagThreshold: whole
      .default(0)
      .describe("Above this many waiting events the first pod is started."),
    targetLatency: Duration.optional().describe(
      "Instead of lagThreshold: as many pods as handle what waits within this time, by the measured handling time.",
    ),
    cooldownPeriod: whole.default(300).describe("Seconds without work before it scales to the fewest."),
    pollingInterval: whole.min(1).max(3_600).default(1).describe("Seconds between two looks at the lag."),
    behavior: Behavior,
    fallback: Fallback.optional(),
    schedules: z.array(Schedule).max(32).default([]).describe("Fewest pods by the clock."),
  }),
  {
    cel: "self.minReplicaCount <= self.maxReplicaCount",
    message: "minReplicaCount must not exceed maxReplicaCount",
    field: "minReplicaCount",
    holds: (scaling) => scaling.minReplicaCount <= scaling.maxReplicaCount,
  },
  {
    cel: "!has(self.idleReplicaCount) || self.idleReplicaCount < self.minReplicaCount",
    message: "idleReplicaCount must be less than minReplicaCount",
    field: "idleReplicaCount",
    holds: (scaling) =>
      scaling.idleReplicaCount === undefined || scaling.idleReplicaCount < scaling.minReplicaCount,
  },
  {
    cel: "!has(self.fallback) || self.fallback.replicas <= self.maxReplicaCount",
    message: "fallback.replicas must not exceed maxReplicaCount",
    field: "fallback",
    holds: ({ fallback, maxReplicaCount }) => fallback === undefined || fallback.replicas <= maxReplicaCount,
  },
  {
    cel: "self.schedules.all(s, s.minReplicaCount <= self.maxReplicaCount)",
    message: "minReplicaCount of a schedule must not exceed maxReplicaCount",
    field: "schedules",
    holds: ({ schedules, maxReplicaCount }) =>
      schedules.every((schedule) => schedule.minReplicaCount <= maxReplicaCount),
  },
);
export type Scaling = z.infer<typeof Scaling>;
