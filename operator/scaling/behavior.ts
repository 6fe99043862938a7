import type { ScalingDirection, ScalingPolicy } from "@vextir/api";

/** What was found right at a time. */
export interface Found {
  atMs: number;
  replicas: number;
}

/** How many pods came, or went (negative), at a time. */
export interface Change {
  atMs: number;
  by: number;
}

export interface Behavior {
  scaleUp: ScalingDirection;
  scaleDown: ScalingDirection;
}

/** The rules of a HorizontalPodAutoscaler (autoscaling/v2): first stabilisation, then the policies. */
export function stabilised(
  behavior: Behavior,
  current: number,
  found: readonly Found[],
  nowMs: number,
): number {
  const within = ({ stabilizationWindowSeconds }: ScalingDirection) =>
    found.filter(({ atMs }) => atMs > nowMs - stabilizationWindowSeconds * 1_000 || atMs === nowMs);
  const up = Math.min(...within(behavior.scaleUp).map(({ replicas }) => replicas));
  const down = Math.max(...within(behavior.scaleDown).map(({ replicas }) => replicas));
  return Math.min(Math.max(current, up), down);
}

/** As far towards `wanted` as the policies allow. */
export function paced(
  behavior: Behavior,
  current: number,
  wanted: number,
  changes: readonly Change[],
  nowMs: number,
): number {
  if (wanted > current) {
    const limit = bound(behavior.scaleUp, (policy) => most(policy, begun(policy)), Math.max, Math.min);
    return Math.max(current, Math.min(wanted, limit ?? current));
  }
  const limit = bound(behavior.scaleDown, (policy) => fewest(policy, begun(policy)), Math.min, Math.max);
  return Math.min(current, Math.max(wanted, limit ?? current));

  /** Pods that there were when the policy's period began. */
  function begun({ periodSeconds }: ScalingPolicy): number {
    const since = nowMs - periodSeconds * 1_000;
    return changes.filter(({ atMs }) => atMs > since).reduce((pods, { by }) => pods - by, current);
  }

  /** Undefined: not at all. */
  function bound(
    { policies, selectPolicy }: ScalingDirection,
    limitOf: (policy: ScalingPolicy) => number,
    generous: (...limits: number[]) => number,
    strict: (...limits: number[]) => number,
  ): number | undefined {
    if (selectPolicy === "Disabled") return undefined;
    if (policies.length === 0) return wanted;
    return (selectPolicy === "Max" ? generous : strict)(...policies.map(limitOf));
  }
}

const most = ({ type, value }: ScalingPolicy, pods: number) =>
  type === "Pods" ? pods + value : Math.ceil(pods * (1 + value / 100));

const fewest = ({ type, value }: ScalingPolicy, pods: number) =>
  type === "Pods" ? pods - value : Math.floor(pods * (1 - value / 100));

/** What may still count, of what was found and changed. */
export function recent<T extends { atMs: number }>(
  entries: readonly T[],
  seconds: number,
  nowMs: number,
): T[] {
  return entries.filter(({ atMs }) => atMs > nowMs - seconds * 1_000);
}

export const longestWindowSeconds = ({ scaleUp, scaleDown }: Behavior) =>
  Math.max(scaleUp.stabilizationWindowSeconds, scaleDown.stabilizationWindowSeconds);

export const longestPeriodSeconds = ({ scaleUp, scaleDown }: Behavior) =>
  Math.max(0, ...[...scaleUp.policies, ...scaleDown.policies].map(({ periodSeconds }) => periodSeconds));
