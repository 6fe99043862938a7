import { describe, expect, test } from "@jest/globals";
import { LABELS } from "../../labels.ts";
import type { ContainerStatus, Deployment, DeploymentStatus, Pod } from "../../workloads.ts";
import { runtimeHealth } from "./runtime-health.ts";

const deployment = (status: DeploymentStatus = {}, replicas = 2, generation = 1): Deployment => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "a", generation, labels: { [LABELS.template]: "new" } },
  spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
  status: { observedGeneration: 1, ...status },
});

const pod = (container: Partial<ContainerStatus>, template = "new", status: Pod["status"] = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "a-1", labels: { [LABELS.template]: template } },
  spec: { containers: [] },
  status: {
    containerStatuses: [{ name: "driver", ready: false, restartCount: 0, ...container }],
    ...status,
  },
});

const waiting = (reason: string, message?: string): Partial<ContainerStatus> => ({
  state: { waiting: { reason, ...(message && { message }) } },
});
const crashed = (message: string, reason = "Error"): Partial<ContainerStatus> => ({
  restartCount: 3,
  state: { waiting: { reason: "CrashLoopBackOff" } },
  lastState: { terminated: { exitCode: 1, reason, message } },
});
const all = (count: number): DeploymentStatus => ({
  replicas: count,
  updatedReplicas: count,
  availableReplicas: count,
  readyReplicas: count,
});

describe("the pods of a Driver", () => {
  const table: { reason: string; deployment?: Deployment; pods?: Pod[]; want: string; says?: string }[] = [
    { reason: "are not made yet", want: "Unknown/NotCreated" },
    { reason: "are not wanted", deployment: deployment({}, 0), want: "True/NoPods" },
    { reason: "are all ready", deployment: deployment(all(2)), want: "True/Healthy", says: "2 of 2" },
    { reason: "are being changed", deployment: deployment(all(2), 2, 2), want: "False/Progressing" },
    {
      reason: "start",
      deployment: deployment({ ...all(1), replicas: 2 }),
      want: "False/Progressing",
      says: "1 of 2",
    },
    {
      reason: "are the last good ones while a new one starts",
      deployment: deployment({ replicas: 3, updatedReplicas: 1, availableReplicas: 2, readyReplicas: 2 }),
      want: "False/Progressing",
      says: "2 of 2",
    },
    {
      reason: "lack their image",
      deployment: deployment(),
      pods: [pod(waiting("ErrImagePull", "not found"))],
      want: "False/ImagePullFailed",
      says: "container driver",
    },
    {
      reason: "lack their image still, in other words",
      deployment: deployment(),
      pods: [pod(waiting("ImagePullBackOff", "Back-off pulling"))],
      want: "False/ImagePullFailed",
      says: "the image of container driver can't be pulled",
    },
    {
      reason: "can't be started",
      deployment: deployment(),
      pods: [pod(waiting("CreateContainerConfigError", 'secret "s" not found'))],
      want: "False/ContainerNotStarted",
      says: 'secret "s" not found',
    },
    {
      reason: "crash with a structured last line",
      deployment: deployment(),
      pods: [pod(crashed('x\n{"level":60,"time":17,"msg":"stopped","err":{"message":"no key"}}\n'))],
      want: "False/CrashLooping",
      says: "exit code 1: stopped: no key;",
    },
    {
      reason: "crash with any last line",
      deployment: deployment(),
      pods: [pod(crashed("Error: boom"))],
      want: "False/CrashLooping",
      says: "Error: boom",
    },
    {
      reason: "run again after a crash, not ready yet",
      deployment: deployment(),
      pods: [pod({ ...crashed("boom"), state: { running: {} } })],
      want: "False/CrashLooping",
    },
    {
      reason: "run out of memory",
      deployment: deployment(),
      pods: [pod(crashed("", "OOMKilled"))],
      want: "False/CrashLooping",
      says: "ran out of memory",
    },
    {
      reason: "are ready again after a crash",
      deployment: deployment(all(2)),
      pods: [pod({ ...crashed("boom"), ready: true, state: { running: {} } })],
      want: "True/Healthy",
    },
    {
      reason: "fit on no node",
      deployment: deployment(),
      pods: [
        pod({}, "new", {
          conditions: [{ type: "PodScheduled", status: "False", message: "0/3 nodes are available" }],
          containerStatuses: [],
        }),
      ],
      want: "False/Unschedulable",
      says: "0/3 nodes",
    },
    {
      reason: "of the newest template count first",
      deployment: deployment(),
      pods: [pod(crashed("old"), "old"), pod(waiting("ErrImagePull"))],
      want: "False/ImagePullFailed",
    },
    {
      reason: "that are being deleted don't count",
      deployment: deployment(),
      pods: [{ ...pod(crashed("x")), metadata: { name: "a", deletionTimestamp: "2026-01-01T00:00:00Z" } }],
      want: "False/Progressing",
    },
    {
      reason: "are forbidden",
      deployment: deployment({
        conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }],
      }),
      want: "False/PodsRefused",
      says: "exceeded quota",
    },
    {
      reason: "take too long",
      deployment: deployment({ conditions: [{ type: "Progressing", status: "False" }] }),
      want: "False/ProgressDeadlineExceeded",
    },
  ];
  test.each(table)("$reason: $want", ({ deployment, pods = [], want, says = "" }) => {
    const { status, reason, message } = runtimeHealth(deployment, pods);
    expect(`${status}/${reason}`).toBe(want);
    expect(message).toContain(says);
  });
});
