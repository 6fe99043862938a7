import { POD_ENV, portEnv } from "@vextir/api";
import type { ConfigMap, Secret } from "@vextir/operator/kinds.ts";
import type { Container, EnvVar } from "@vextir/operator/workloads.ts";
import { PodError } from "./pod-error.ts";

/** Where values of the environment come from, beside the container itself. */
export interface EnvironmentSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** Fields of the pod by their path: `metadata.name`. */
  fields: ReadonlyMap<string, string>;
  /** Mount path within the container -> folder on this machine. */
  mounts: ReadonlyMap<string, string>;
  /** Name of a port's variable -> its port on this machine. */
  ports: ReadonlyMap<string, number>;
}

/** The variables by which a container learns its ports, with the port that each names within the container. */
export function portVariables(container: Container): Map<string, number> {
  const names = new Set([
    ...(container.ports ?? []).map(({ name }) => portEnv(name ?? "")),
    POD_ENV.healthPort,
  ]);
  const variables = (container.env ?? []).filter(
    ({ name, value }) => names.has(name) && /^\d+$/.test(value ?? ""),
  );
  return new Map(variables.map(({ name, value }) => [name, Number(value)]));
}

/**
 * The container's environment: `envFrom`, then `env`, references filled in, paths of mounts and numbers of ports replaced by this
 * machine's. @throws PodError when a reference leads nowhere.
 */
export function containerEnvironment(
  container: Container,
  sources: EnvironmentSources,
): Record<string, string> {
  const values = new Map<string, string>();
  for (const from of (container.envFrom ?? []) as EnvFrom[])
    for (const [key, value] of fromSource(from, sources)) values.set(key, value);
  for (const variable of container.env ?? []) {
    const port = sources.ports.get(variable.name);
    const value = port === undefined ? variableValue(variable, sources, values) : String(port);
    if (value !== undefined) values.set(variable.name, rewritePath(value, sources.mounts));
  }
  return Object.fromEntries(values);
}

/** A path that begins with a mount's, on this machine; any other text as it is. */
export function rewritePath(text: string, mounts: ReadonlyMap<string, string>): string {
  const inside = [...mounts.keys()].filter((mount) => text === mount || text.startsWith(`${mount}/`));
  const longest = inside.sort((a, b) => b.length - a.length)[0];
  return longest === undefined ? text : `${mounts.get(longest)}${text.slice(longest.length)}`;
}

interface Ref {
  name: string;
  optional?: boolean;
}
interface EnvFrom {
  prefix?: string;
  configMapRef?: Ref;
  secretRef?: Ref;
}

function fromSource(
  { prefix = "", configMapRef, secretRef }: EnvFrom,
  sources: EnvironmentSources,
): [string, string][] {
  const data = configMapRef
    ? present(
        sources.configMap(configMapRef.name)?.data,
        `ConfigMap ${configMapRef.name}`,
        configMapRef.optional,
      )
    : decoded(
        present(
          sources.secret(secretRef?.name ?? "")?.data,
          `Secret ${secretRef?.name}`,
          secretRef?.optional,
        ),
      );
  return Object.entries(data ?? {}).map(([key, value]) => [`${prefix}${key}`, value]);
}

function variableValue(
  { name, value, valueFrom }: EnvVar,
  sources: EnvironmentSources,
  before: ReadonlyMap<string, string>,
): string | undefined {
  if (!valueFrom) return expand(value ?? "", before);
  const { fieldRef, secretKeyRef, configMapKeyRef } = valueFrom;
  if (fieldRef)
    return present(sources.fields.get(fieldRef.fieldPath), `field ${fieldRef.fieldPath} (variable ${name})`);
  if (secretKeyRef) {
    const data = decoded(sources.secret(secretKeyRef.name)?.data);
    return present(
      data?.[secretKeyRef.key],
      `key ${secretKeyRef.key} of Secret ${secretKeyRef.name}`,
      secretKeyRef.optional,
    );
  }
  if (configMapKeyRef) {
    const data = sources.configMap(configMapKeyRef.name)?.data;
    return present(
      data?.[configMapKeyRef.key],
      `key ${configMapKeyRef.key} of ConfigMap ${configMapKeyRef.name}`,
      configMapKeyRef.optional,
    );
  }
  throw new PodError(
    "Config",
    `variable ${name}: the local mode knows no ${Object.keys(valueFrom).join(", ")}`,
  );
}

/** `$(NAME)` stands for a variable defined before, `$$` for `$`; an unknown name stays as it is. */
const expand = (text: string, before: ReadonlyMap<string, string>) =>
  text.replace(/\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)/g, (whole, name?: string) =>
    name === undefined ? "$" : (before.get(name) ?? whole),
  );

const decoded = (data: Record<string, string> | undefined) =>
  data &&
  Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]),
  );

function present<T>(value: T | undefined, what: string, optional = false): T | undefined {
  if (value === undefined && !optional) throw new PodError("Config", `${what} does not exist`);
  return value;
}
