import { posix } from "node:path";
import type { Container, PodSpec, PodTemplate, Volume } from "../../workloads.ts";
import { CONTAINER } from "../names.ts";
import { safeAnnotations } from "./annotations.ts";
import { containerSecurity, podSecurity, safeContainer, safeVolume } from "./hardening.ts";
import { isObject, type Json } from "./json.ts";
import { withoutSecretVariables } from "./secret-variables.ts";

export interface MergedTemplate {
  template: PodTemplate;
  /** Paths within podTemplate that were not taken over. */
  ignored: string[];
}

/** What a podTemplate may set as it likes, where the Driver's own fields don't. */
const POD_FIELDS = new Set([
  "dnsConfig",
  "dnsPolicy",
  "hostAliases",
  "hostname",
  "imagePullSecrets",
  "overhead",
  "preemptionPolicy",
  "priorityClassName",
  "readinessGates",
  "runtimeClassName",
  "schedulerName",
  "setHostnameAsFQDN",
  "shareProcessNamespace",
  "subdomain",
  "topologySpreadConstraints",
]);
/** Both the Driver's spec and its podTemplate know these: the spec's win. */
const SHARED_FIELDS = new Set(["nodeSelector", "tolerations", "affinity"]);
const DRIVER_FIELDS = new Set([
  "command",
  "workingDir",
  "imagePullPolicy",
  "terminationMessagePolicy",
  "lifecycle",
]);

/**
 * The operator's template with what a podTemplate may add; whatever it says, the result is "restricted". `annotations`: patterns of
 * those that it may set beside the harmless ones.
 */
export function mergeTemplate(
  own: PodTemplate,
  wish: unknown,
  annotations: readonly string[] = [],
): MergedTemplate {
  const ignored: string[] = [];
  if (!isObject(wish)) return { template: own, ignored: wish === undefined ? ignored : ["."] };
  for (const key of Object.keys(wish)) if (key !== "metadata" && key !== "spec") ignored.push(key);
  const metadata = mergeMetadata(own, wish["metadata"], annotations, ignored);
  const spec = isObject(wish["spec"]) ? mergeSpec(own.spec, wish["spec"], ignored) : own.spec;
  return { template: { metadata, spec }, ignored };
}

function mergeMetadata(
  own: PodTemplate,
  wish: unknown,
  allowed: readonly string[],
  ignored: string[],
): NonNullable<PodTemplate["metadata"]> {
  if (!isObject(wish)) return own.metadata ?? {};
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(isObject(wish["labels"]) ? wish["labels"] : {})) {
    if (typeof value !== "string" || isReservedLabel(key)) ignored.push(`metadata.labels.${key}`);
    else labels[key] = value;
  }
  for (const key of Object.keys(wish))
    if (key !== "labels" && key !== "annotations") ignored.push(`metadata.${key}`);
  const annotations = safeAnnotations(wish["annotations"], allowed, "metadata.annotations", ignored);
  return {
    ...own.metadata,
    labels: { ...labels, ...own.metadata?.labels },
    annotations: { ...annotations, ...own.metadata?.annotations },
  };
}

/** By the first it is known which driver a pod belongs to, by the second the chart's Services and policies choose their pods. */
const RESERVED_PREFIXES = ["vextir.io/", "app.kubernetes.io/"];
const isReservedLabel = (key: string) => RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix));

function mergeSpec(own: PodSpec, wish: Json, ignored: string[]): PodSpec {
  const added: Json = {};
  for (const [key, value] of Object.entries(wish)) {
    if (POD_FIELDS.has(key) && !isSystemClass(key, value)) added[key] = value;
    else if (SHARED_FIELDS.has(key)) added[key] = own[key] ?? value;
    else if (!STRUCTURE.has(key)) ignored.push(`spec.${key}`);
  }
  const volumes = mergeVolumes(own.volumes ?? [], wish["volumes"], ignored);
  const mountable = new Set(volumes.map((volume) => volume.name));
  const extra = sideContainers(wish["containers"], "spec.containers", ignored);
  const init = sideContainers(wish["initContainers"], "spec.initContainers", ignored);
  const [main, ...others] = own.containers;
  const driver = namedDriver(wish["containers"]);
  const containers = [
    ...(main ? [driver ? mergeDriver(main, driver, ignored) : main] : []),
    ...others,
    ...extra,
  ];
  return {
    ...added,
    ...own,
    ...(wish["securityContext"] !== undefined && { securityContext: podSecurity(wish["securityContext"]) }),
    containers: containers.map((container) => withoutDeadMounts(container, mountable)),
    ...(init.length > 0 && {
      initContainers: init.map((container) => withoutDeadMounts(container, mountable)),
    }),
    volumes,
  };
}

/** Pods of the system's own priority may drive out the bus and the operator. */
const isSystemClass = (key: string, value: unknown) =>
  key === "priorityClassName" && String(value).startsWith("system-");

const STRUCTURE = new Set(["containers", "initContainers", "volumes", "securityContext"]);

/** Whatever stands there: the API server has not looked at a podTemplate. */
const nameOf = ({ name }: Json) => (typeof name === "string" ? name : "?");
const listOf = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const namedDriver = (containers: unknown) => listOf(containers).find((c) => c["name"] === CONTAINER);

function sideContainers(wish: unknown, path: string, ignored: string[]): Container[] {
  return listOf(wish)
    .filter((container) => container["name"] !== CONTAINER)
    .map((container) => safeContainer(container, `${path}[${nameOf(container)}]`, ignored) as never);
}

function mergeVolumes(own: readonly Volume[], wish: unknown, ignored: string[]): Volume[] {
  const taken = new Set(own.map((volume) => volume.name));
  const added = listOf(wish).flatMap((volume) => {
    const safe = taken.has(nameOf(volume)) ? undefined : safeVolume(volume);
    if (!safe) ignored.push(`spec.volumes[${nameOf(volume)}]`);
    return safe ? [safe as unknown as Volume] : [];
  });
  return [...own, ...added];
}

/** A mount of a volume that was not taken over would make the API server refuse the whole pod. */
function withoutDeadMounts(container: Container, volumes: ReadonlySet<string>): Container {
  if (!Array.isArray(container.volumeMounts)) return container;
  return { ...container, volumeMounts: container.volumeMounts.filter((mount) => volumes.has(mount?.name)) };
}

function mergeDriver(own: Container, wish: Json, ignored: string[]): Container {
  const merged: Json = { ...own };
  const path = `spec.containers[${CONTAINER}]`;
  for (const [key, value] of Object.entries(withoutSecretVariables(wish, path, ignored))) {
    const clashes = CLASHES.get(key);
    if (DRIVER_FIELDS.has(key)) merged[key] = safeContainer({ [key]: value }, "", [])[key];
    else if (key === "resources") merged[key] = own.resources ?? value;
    else if (clashes) merged[key] = joined(listOf(own[key]), value, clashes, `${path}.${key}`, ignored);
    else if (key !== "name" && key !== "securityContext") ignored.push(`${path}.${key}`);
  }
  return { ...merged, securityContext: containerSecurity(wish["securityContext"]) } as unknown as Container;
}

type Clash = (entry: Json, own: readonly Json[]) => boolean;

/** Lists to which a podTemplate may add, and which entries would replace one of the operator's. */
const CLASHES = new Map<string, Clash>([
  ["volumeMounts", isOver],
  [
    "env",
    ({ name }, own) => own.some((entry) => entry["name"] === name) || String(name).startsWith("VEXTIR_"),
  ],
  ["envFrom", () => false],
]);

/** The operator's entries first; of the others those that replace none of them. */
function joined(
  own: readonly Json[],
  wish: unknown,
  clashes: Clash,
  path: string,
  ignored: string[],
): Json[] {
  const added = listOf(wish).filter((entry) => {
    const clash = clashes(entry, own);
    if (clash) ignored.push(`${path}[${String(entry["mountPath"] ?? entry["name"])}]`);
    return !clash;
  });
  return [...own, ...added];
}

/** Whether a mount would lie over one of the operator's, or within it. */
function isOver({ mountPath }: Json, own: readonly Json[]): boolean {
  const folder = asFolder(mountPath);
  return own.some((mount) => {
    const other = asFolder(mount["mountPath"]);
    return folder.startsWith(other) || other.startsWith(folder);
  });
}

const asFolder = (path: unknown) => posix.join("/", String(path), "/");
