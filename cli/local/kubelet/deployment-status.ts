import type { Deployment, DeploymentStatus, WorkloadCondition } from "@vextir/operator/workloads.ts";
import type { RolloutPod } from "./rollout.ts";

/** What is seen of a Deployment: its pods, and what kept the kubelet from making more. */
export interface ObservedDeployment {
  deployment: Deployment;
  template: string;
  pods: readonly RolloutPod[];
  /** Why a pod could not be made. */
  failure?: string | undefined;
}

/** The status as Kubernetes' Deployment controller writes it. `now`: RFC 3339, for conditions that changed. */
export function deploymentStatus(
  { deployment, template, pods, failure }: ObservedDeployment,
  now: string,
): DeploymentStatus {
  const replicas = deployment.spec.replicas ?? 1;
  const alive = pods.filter((pod) => !pod.terminating);
  const updated = alive.filter((pod) => pod.template === template);
  const ready = alive.filter((pod) => pod.ready).length;
  const updatedReady = updated.filter((pod) => pod.ready).length;
  const complete = updated.length === replicas && updatedReady === replicas && alive.length === replicas;
  const conditions: WorkloadCondition[] = [
    ready >= replicas
      ? {
          type: "Available",
          status: "True",
          reason: "MinimumReplicasAvailable",
          message: "Deployment has minimum availability.",
        }
      : {
          type: "Available",
          status: "False",
          reason: "MinimumReplicasUnavailable",
          message: "Deployment does not have minimum availability.",
        },
    complete
      ? {
          type: "Progressing",
          status: "True",
          reason: "NewReplicaSetAvailable",
          message: "The rollout is complete.",
        }
      : {
          type: "Progressing",
          status: "True",
          reason: "ReplicaSetUpdated",
          message: "The rollout is progressing.",
        },
    ...(failure === undefined
      ? []
      : [{ type: "ReplicaFailure", status: "True", reason: "FailedCreate", message: failure }]),
  ];
  return {
    ...(deployment.metadata.generation !== undefined && {
      observedGeneration: deployment.metadata.generation,
    }),
    replicas: alive.length,
    updatedReplicas: updated.length,
    readyReplicas: ready,
    availableReplicas: ready,
    unavailableReplicas: Math.max(0, replicas - ready),
    conditions: conditions.map((condition) => since(condition, deployment.status?.conditions, now)),
  };
}

function since(
  condition: WorkloadCondition,
  before: readonly WorkloadCondition[] = [],
  now: string,
): WorkloadCondition {
  const last = before.find(({ type, status }) => type === condition.type && status === condition.status);
  return { ...condition, lastTransitionTime: last?.lastTransitionTime ?? now };
}
