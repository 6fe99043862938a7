import type { PodTemplate } from "../workloads.ts";

// biome-ignore lint/suspicious/noExplicitAny: it looks into whatever a template holds
type Loose = any;

const VOLUMES = new Set([
  ...[
    "name",
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
  ],
  "secret",
]);

const TOKENS = new Set(["bus-token", "hub-token"]);

/**
 * What a pod template has that Pod Security "restricted" forbids, or that would give a driver another identity; written from the
 * standard's tables, not from the code under test.
 */
export function restrictedViolations(template: PodTemplate): string[] {
  const { spec, metadata = {} } = template as Loose;
  const all = [
    ...(spec.containers ?? []),
    ...(spec.initContainers ?? []),
    ...(spec.ephemeralContainers ?? []),
  ];
  return [
    ...["hostNetwork", "hostPID", "hostIPC", "ephemeralContainers", "nodeName", "os"].filter(
      (key) => spec[key],
    ),
    ...(spec.hostUsers === undefined ? [] : ["hostUsers"]),
    ...(spec.serviceAccountName === "driver-assistant" ? [] : ["serviceAccountName"]),
    ...(spec.automountServiceAccountToken === false ? [] : ["automountServiceAccountToken"]),
    ...(spec.serviceAccount === undefined ? [] : ["serviceAccount"]),
    ...podContext(spec.securityContext ?? {}),
    ...Object.keys(metadata.annotations ?? {}).filter((key) => key.includes("apparmor")),
    ...(metadata.labels?.["vextir.io/driver"] === "assistant" ? [] : ["labels"]),
    ...(spec.volumes ?? []).flatMap(volume),
    ...all.flatMap(container),
  ];
}

function podContext(context: Loose): string[] {
  const allowed = new Set([
    ...["runAsNonRoot", "seccompProfile", "fsGroup", "fsGroupChangePolicy", "supplementalGroups"],
    ...["runAsUser", "runAsGroup"],
  ]);
  return [
    ...Object.keys(context).filter((key) => !allowed.has(key)),
    ...(context.runAsNonRoot === true ? [] : ["pod runAsNonRoot"]),
    ...(context.seccompProfile?.type === "RuntimeDefault" ? [] : ["pod seccompProfile"]),
    ...(context.runAsUser === 0 ? ["pod runAsUser"] : []),
  ];
}

function volume(volume: Loose): string[] {
  const kinds = Object.keys(volume).filter((key) => !VOLUMES.has(key));
  const sources: Loose[] = volume.projected?.sources ?? [];
  const tokens = sources.filter((source) => source.serviceAccountToken !== undefined).length;
  return [...kinds, ...(tokens > (TOKENS.has(volume.name) ? 1 : 0) ? ["another token"] : [])];
}

function container(container: Loose): string[] {
  const context = container.securityContext ?? {};
  const allowed = new Set([
    ...[
      "runAsNonRoot",
      "readOnlyRootFilesystem",
      "allowPrivilegeEscalation",
      "capabilities",
      "seccompProfile",
    ],
    ...["runAsUser", "runAsGroup"],
  ]);
  const handlers = ["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"].map(
    (key) => container[key],
  );
  return [
    ...Object.keys(context).filter((key) => !allowed.has(key)),
    ...(context.runAsNonRoot === true ? [] : ["runAsNonRoot"]),
    ...(context.runAsUser === 0 ? ["runAsUser"] : []),
    ...(context.allowPrivilegeEscalation === false ? [] : ["allowPrivilegeEscalation"]),
    ...(context.readOnlyRootFilesystem === true ? [] : ["readOnlyRootFilesystem"]),
    ...(JSON.stringify(context.capabilities) === '{"drop":["ALL"]}' ? [] : ["capabilities"]),
    ...(context.seccompProfile?.type === "RuntimeDefault" ? [] : ["seccompProfile"]),
    ...(container.volumeDevices ? ["volumeDevices"] : []),
    ...((container.ports ?? []).some((port: Loose) => port?.hostPort !== undefined) ? ["hostPort"] : []),
    ...(JSON.stringify(handlers)?.includes('"host":') ? ["host of a handler"] : []),
  ];
}
