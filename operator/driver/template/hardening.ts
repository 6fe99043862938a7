import { isObject, type Json } from "./json.ts";
import { withoutSecretVariables } from "./secret-variables.ts";

/**
 * Pod Security "restricted" (https://kubernetes.io/docs/concepts/security/pod-security-standards/), built rather than checked: what a
 * pod template may say is copied from an allow-list, and the security fields are always these.
 */

/** Of a user or group other than root. */
const isOrdinary = (id: unknown) => typeof id === "number" && Number.isInteger(id) && id > 0;

/** A user or group other than root is the author's choice; images that run as root by themselves need it. */
function runAs(wish: unknown): Json {
  if (!isObject(wish)) return {};
  const chosen = ["runAsUser", "runAsGroup"].filter((key) => isOrdinary(wish[key]));
  return Object.fromEntries(chosen.map((key) => [key, wish[key]]));
}

/** Groups that own the pod's volumes. */
function volumeGroups(wish: unknown): Json {
  if (!isObject(wish)) return {};
  const { fsGroup, fsGroupChangePolicy, supplementalGroups } = wish;
  return {
    ...(isOrdinary(fsGroup) && { fsGroup }),
    ...(typeof fsGroupChangePolicy === "string" && { fsGroupChangePolicy }),
    ...(Array.isArray(supplementalGroups) && { supplementalGroups: supplementalGroups.filter(isOrdinary) }),
  };
}

export function containerSecurity(wish: unknown): Json {
  return {
    ...runAs(wish),
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
}

export function podSecurity(wish: unknown): Json {
  return {
    ...volumeGroups(wish),
    ...runAs(wish),
    runAsNonRoot: true,
    seccompProfile: { type: "RuntimeDefault" },
  };
}

/** Kinds of volumes that "restricted" knows; a projected one without tokens, since a pod's tokens are the bus's and the hub's. */
const VOLUME_SOURCES = new Set([
  "configMap",
  "secret",
  "emptyDir",
  "downwardAPI",
  "persistentVolumeClaim",
  "ephemeral",
  "csi",
]);
const PROJECTIONS = new Set(["configMap", "secret", "downwardAPI"]);

/** The volume, or undefined when its kind is not allowed. */
export function safeVolume(volume: Json): Json | undefined {
  const sources = Object.keys(volume).filter((key) => key !== "name");
  if (sources.every((key) => VOLUME_SOURCES.has(key))) return volume;
  if (sources.length !== 1 || !isObject(volume["projected"])) return undefined;
  const { sources: projections, ...rest } = volume["projected"];
  if (!Array.isArray(projections)) return undefined;
  const safe = projections.every(
    (part) => isObject(part) && Object.keys(part).every((key) => PROJECTIONS.has(key)),
  );
  return safe ? { name: volume["name"], projected: { ...rest, sources: projections } } : undefined;
}

const CONTAINER_FIELDS = new Set([
  "name",
  "image",
  "imagePullPolicy",
  "command",
  "args",
  "workingDir",
  "env",
  "envFrom",
  "resources",
  "restartPolicy",
  "volumeMounts",
  "terminationMessagePath",
  "terminationMessagePolicy",
]);
const HANDLER_FIELDS = new Set(["livenessProbe", "readinessProbe", "startupProbe", "lifecycle"]);

/** A container beside the driver's: what is allowed of it, hardened. `ignored` takes the names of the rest. */
export function safeContainer(wish: Json, path: string, ignored: string[]): Json {
  const container = withoutSecretVariables(wish, path, ignored);
  const result: Json = {};
  for (const [key, value] of Object.entries(container)) {
    if (CONTAINER_FIELDS.has(key)) result[key] = value;
    else if (HANDLER_FIELDS.has(key)) result[key] = withoutHost(value);
    else if (key === "ports" && Array.isArray(value)) result[key] = value.map(withoutHostPort);
    else if (key !== "securityContext") ignored.push(`${path}.${key}`);
  }
  return { ...result, securityContext: containerSecurity(container["securityContext"]) };
}

const withoutHostPort = (port: unknown) => {
  if (!isObject(port)) return port;
  const { hostPort: _port, hostIP: _ip, ...rest } = port;
  return rest;
};

/** A probe or a lifecycle hook asks its own pod, never a host of its choice. */
function withoutHost(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutHost);
  if (!isObject(value)) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "host");
  return Object.fromEntries(entries.map(([key, part]) => [key, withoutHost(part)]));
}
