import type { DriverSpec } from "@vextir/api";
import { isObject, type Json } from "./json.ts";

/**
 * Secrets reach a driver as files (`configSecretRefs`, volumes), never as environment variables: those are inherited by every child
 * process, stand in crash dumps and in `/proc`, and stay as they were when the Secret is rotated.
 */
export const isSecretVariable = (variable: unknown) =>
  isObject(variable) &&
  isObject(variable["valueFrom"]) &&
  variable["valueFrom"]["secretKeyRef"] !== undefined;

export const isSecretSource = (source: unknown) => isObject(source) && source["secretRef"] !== undefined;

/** What a spec says against it, for people. */
export function secretVariableProblem({ env, envFrom }: DriverSpec): string | undefined {
  const variable = env.find(isSecretVariable);
  const place = variable
    ? `spec.env[${variable.name}].valueFrom.secretKeyRef`
    : envFrom.some(isSecretSource) && "spec.envFrom[].secretRef";
  if (!place) return undefined;
  return `${place}: a secret reaches a driver as a file only; name it in spec.configSecretRefs, or mount it by spec.podTemplate`;
}

/** A container's `env` and `envFrom` without what comes from Secrets; `ignored` takes the names of that. */
export function withoutSecretVariables(container: Json, path: string, ignored: string[]): Json {
  const result = { ...container };
  if (Array.isArray(container["env"]))
    result["env"] = container["env"].filter((variable) => {
      const isSecret = isSecretVariable(variable);
      if (isSecret) ignored.push(`${path}.env[${(variable as Json)["name"]}]`);
      return !isSecret;
    });
  if (Array.isArray(container["envFrom"]))
    result["envFrom"] = container["envFrom"].filter((source) => {
      const isSecret = isSecretSource(source);
      if (isSecret) ignored.push(`${path}.envFrom`);
      return !isSecret;
    });
  return result;
}
