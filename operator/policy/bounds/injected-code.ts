import { posix } from "node:path";
import type { DriverSpec } from "@vextir/api";
import { CONTAINER } from "../../driver/names.ts";
import type { Excess } from "../violation.ts";
import { isObject, type Json, objectsIn } from "./json.ts";
import { containersOf, volumesOf } from "./pod-template.ts";

/**
 * By these a process is given code that is in none of its files: `NODE_OPTIONS=--import=data:…`, `LD_PRELOAD`, and `OPENSSL_CONF`, which
 * has Node.js load a library from wherever it says.
 */
const CODE_VARIABLE =
  /^(NODE_|LD_|DYLD_|OPENSSL_|GCONV_PATH$|PYTHON|PERL|RUBY|JAVA_TOOL_OPTIONS$|JDK_JAVA_OPTIONS$|_JAVA_OPTIONS$|CLASSPATH$|DOTNET_|CORECLR_|BUN_|BASH_ENV$|ENV$)/;
/** No variable whose name begins so can be one of them. */
const SAFE_PREFIX =
  /^(?!NODE|LD_|DYLD|OPEN|GCON|PYTH|PERL|RUBY|JAVA|JDK_|_JAV|CLAS|DOTN|CORE|BUN_|BASH)[A-Za-z0-9_]{4}/;
/** Folders of a driver's pod whose files don't come from its image. */
const MOUNTED = ["/etc/vextir", "/run", "/var/run", "/tmp", "/proc", "/dev", "/sys"];
const HOOKS = ["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const;

type Found = Pick<Excess, "field" | "value">;

/** Ways by which a spec brings code that is in no image. */
export function injectedCode(spec: DriverSpec): Found[] {
  const writable = writableVolumes(spec.podTemplate);
  return [
    ...(spec.source ? [{ field: "spec.source", value: Object.keys(spec.source).join(", ") }] : []),
    ...mountedModule(spec),
    // The release's image hands its arguments to nobody; of another nobody knows.
    ...(spec.image !== undefined && spec.args.length > 0 ? [{ field: "spec.args", value: "arguments" }] : []),
    ...variables("spec", { env: spec.env, envFrom: spec.envFrom }),
    ...containersOf(spec.podTemplate).flatMap(({ path, container }) =>
      inContainer(`spec.podTemplate.${path}`, container, writable),
    ),
  ];
}

/** The release's image has its built-ins alone; in another one the path must lead to a file of the image. */
function mountedModule({ module, image }: DriverSpec): Found[] {
  if (module === undefined || !/[/\\.]/.test(module)) return [];
  const isMounted = MOUNTED.some((folder) => `${posix.normalize(module)}/`.startsWith(`${folder}/`));
  const isOfImage = image !== undefined && posix.isAbsolute(module) && !isMounted;
  return isOfImage ? [] : [{ field: "spec.module", value: module }];
}

/** Which variables a ConfigMap or a Secret brings is not known here, but for a prefix. */
function variables(path: string, { env, envFrom }: Json): Found[] {
  const named = objectsIn(env)
    .map(({ name }) => String(name))
    .filter((name) => CODE_VARIABLE.test(name));
  const unnamed = objectsIn(envFrom).flatMap(({ prefix }, index) =>
    typeof prefix === "string" && SAFE_PREFIX.test(prefix) ? [] : [index],
  );
  return [
    ...named.map((name) => ({ field: `${path}.env[${name}]`, value: name })),
    ...unnamed.map((index) => ({ field: `${path}.envFrom[${index}]`, value: "variables of any name" })),
  ];
}

function inContainer(path: string, container: Json, writable: ReadonlySet<unknown>): Found[] {
  const isDriver = container["name"] === CONTAINER;
  const commands = ["command", ...(isDriver ? [] : ["args"])].filter((key) => container[key] !== undefined);
  const hooks = HOOKS.filter((key) => runsCommand(container[key]));
  const mounts = objectsIn(container["volumeMounts"]).filter(({ name }) => !writable.has(name));
  return [
    ...[...commands, ...hooks].map((key) => ({ field: `${path}.${key}`, value: "a command" })),
    ...mounts.map(({ name, mountPath }) => ({
      field: `${path}.volumeMounts[${name}]`,
      value: String(mountPath),
    })),
    ...variables(path, container),
  ];
}

/** A probe's `exec`, or that of a lifecycle's hooks. */
const runsCommand = (hook: unknown): boolean =>
  isObject(hook) &&
  (hook["exec"] !== undefined || Object.values(hook).some((part) => isObject(part) && "exec" in part));

/** Volumes that are empty at first: what is in them came from the pod's own images. */
const writableVolumes = (podTemplate: unknown) =>
  new Set(volumesOf(podTemplate).flatMap((volume) => (isObject(volume["emptyDir"]) ? [volume["name"]] : [])));

export function sourceExcess(spec: DriverSpec, bound: "Allow" | "Deny"): Excess[] {
  if (bound === "Allow") return [];
  return injectedCode(spec).map((found) => ({
    ...found,
    rule: "inlineSource",
    allowed: "Deny: code of images alone",
  }));
}
