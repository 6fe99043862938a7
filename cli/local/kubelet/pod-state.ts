import type { ContainerState, Pod } from "@vextir/operator/workloads.ts";

/**
 * How a pod's one container is:
 * - `Waiting`: not running: being made, or kept from running by `reason`, or waiting to be started again;
 * - `Running`;
 * - `Terminating`: told to stop; it does not come back.
 */
export interface PodState {
  phase: "Waiting" | "Running" | "Terminating";
  /** Of `Waiting`, in Kubernetes' words: `ContainerCreating`, `CrashLoopBackOff`, … */
  reason?: string;
  message?: string;
  ready: boolean;
  restarts: number;
  /** RFC 3339. */
  startedAt?: string;
  /** How it last ended. */
  last?: { exitCode: number; reason: string; message: string; finishedAt: string };
}

export const INITIAL_STATE: PodState = {
  phase: "Waiting",
  reason: "ContainerCreating",
  ready: false,
  restarts: 0,
};

/** The state as the status of a Pod object. */
export function podStatus(state: PodState, container: string): NonNullable<Pod["status"]> {
  return {
    phase: state.startedAt === undefined ? "Pending" : "Running",
    podIP: "127.0.0.1",
    conditions: [{ type: "Ready", status: state.ready ? "True" : "False" }],
    containerStatuses: [
      {
        name: container,
        ready: state.ready,
        restartCount: state.restarts,
        state: containerState(state),
        ...(state.last && { lastState: { terminated: state.last } }),
      },
    ],
  };
}

function containerState({ phase, startedAt, reason, message }: PodState): ContainerState {
  if (phase !== "Waiting") return { running: startedAt === undefined ? {} : { startedAt } };
  return { waiting: { ...(reason && { reason }), ...(message && { message }) } };
}
