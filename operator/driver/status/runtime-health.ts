import { type Finding, no, unknown, yes } from "../../conditions.ts";
import { LABELS } from "../../labels.ts";
import type { ContainerStatus, Deployment, Pod } from "../../workloads.ts";
import type { Shortage } from "../capacity/fit.ts";

/**
 * How the pods fare, from the Deployment's conditions and what the kubelet says of containers. `shortage`: why pods that are about to be
 * made will not be.
 */
export function runtimeHealth(
  deployment: Deployment | undefined,
  pods: readonly Pod[],
  shortage?: Shortage,
): Finding {
  if (shortage) return no(shortage.reason, shortage.message);
  if (!deployment) return unknown("NotCreated", "there are no pods yet");
  const { metadata, spec, status = {} } = deployment;
  const wanted = spec.replicas ?? 1;
  if (wanted === 0) return yes("NoPods", "no pods are wanted");
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    return no("Progressing", "the last change is being rolled out");
  const updated = status.updatedReplicas ?? 0;
  const available = status.availableReplicas ?? 0;
  if (updated === wanted && available === wanted && (status.replicas ?? 0) === wanted)
    return yes("Healthy", `${wanted} of ${wanted} pods ready`);
  return (
    podTrouble(pods, metadata.labels?.[LABELS.template]) ??
    deploymentTrouble(deployment) ??
    no("Progressing", `${Math.min(status.readyReplicas ?? 0, wanted)} of ${wanted} pods ready`)
  );
}

function deploymentTrouble({ status }: Deployment): Finding | undefined {
  const failure = status?.conditions?.find((c) => c.type === "ReplicaFailure" && c.status === "True");
  if (failure) return no("PodsRefused", `pods can't be created: ${failure.message ?? failure.reason}`);
  const late = status?.conditions?.find((c) => c.type === "Progressing" && c.status === "False");
  return late ? no("ProgressDeadlineExceeded", "no new pod became ready in time") : undefined;
}

/** The first trouble found; that of the newest template counts first. */
function podTrouble(pods: readonly Pod[], template: string | undefined): Finding | undefined {
  const alive = pods.filter((pod) => !pod.metadata.deletionTimestamp);
  const newest = alive.filter((pod) => pod.metadata.labels?.[LABELS.template] === template);
  for (const pod of [...newest, ...alive]) {
    const trouble = troubleOf(pod);
    if (trouble) return trouble;
  }
  return undefined;
}

const PULL_FAILURES = new Set(["ImagePullBackOff", "ErrImagePull", "ErrImageNeverPull", "InvalidImageName"]);
const START_FAILURES = new Set([
  "CreateContainerConfigError",
  "CreateContainerError",
  "RunContainerError",
  "ContainerCannotRun",
]);

function troubleOf({ metadata, status = {} }: Pod): Finding | undefined {
  const unscheduled = status.conditions?.find((c) => c.type === "PodScheduled" && c.status === "False");
  if (unscheduled) return no("Unschedulable", unscheduled.message ?? "no node takes the pod");
  for (const container of [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]) {
    const { reason = "", message = "" } = container.state?.waiting ?? {};
    if (PULL_FAILURES.has(reason))
      return no("ImagePullFailed", `the image of container ${container.name} can't be pulled`);
    if (START_FAILURES.has(reason))
      return no("ContainerNotStarted", `container ${container.name} can't be started: ${message || reason}`);
    const crash = crashOf(container);
    if (crash) return no("CrashLooping", crash);
  }
  if (status.phase === "Failed")
    return no(
      "PodFailed",
      `pod ${metadata.name} failed: ${status.message ?? status.reason ?? "no reason given"}`,
    );
  return undefined;
}

function crashOf({ name, ready, restartCount, state, lastState }: ContainerStatus): string | undefined {
  const ended = state?.terminated ?? lastState?.terminated;
  if (ready || restartCount === 0 || !ended) return undefined;
  const said = lastWords(ended.message ?? "");
  const how = ended.reason === "OOMKilled" ? "ran out of memory" : `ended with exit code ${ended.exitCode}`;
  return `container ${name} ${how}${said && `: ${said}`}; it is started again and again`;
}

const MAX_WORDS = 300;

/** The last line that a crashed process wrote, without the timestamp of a structured log line. */
function lastWords(text: string): string {
  const line = text.trim().split("\n").at(-1)?.trim() ?? "";
  try {
    const { msg, err } = JSON.parse(line);
    const words = [msg, err?.message].filter((part) => typeof part === "string" && part !== "");
    if (words.length > 0) return words.join(": ").slice(0, MAX_WORDS);
  } catch {
    // Not a structured line: shown as it is.
  }
  return line.slice(0, MAX_WORDS);
}
