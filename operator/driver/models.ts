import {
  type Driver,
  type DriverSpec,
  hostCovers,
  type Model,
  type ModelFile,
  ModelSpec,
  modelEndpoint,
  modelHost,
  parseHostPattern,
} from "@vextir/api";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";

/** A granted model that is there, and the Secret that holds its key. */
export interface GrantedModel {
  file: ModelFile;
  keyRef: { name: string; key: string } | undefined;
}

export interface GrantedModels {
  /** In the order of `capabilities.models`. */
  models: readonly GrantedModel[];
  /** Granted, and not there or not usable; why, for people. */
  absent: readonly string[];
}

export const NO_MODELS: GrantedModels = { models: [], absent: [] };

export async function readModels(
  cluster: Cluster,
  namespace: string,
  { capabilities }: DriverSpec,
): Promise<GrantedModels> {
  if (capabilities.models.length === 0) return NO_MODELS;
  return grantedModels(capabilities.models, await cluster.list(KINDS.Model, { namespace }));
}

/** Whether it makes a difference to the Driver what there is of this name. */
export const isGrantedModel = ({ spec }: Driver, model: string) =>
  spec?.capabilities?.models?.includes(model) ?? false;

/** The models of these names among those that the namespace has. */
export function grantedModels(names: readonly string[], there: readonly Model[]): GrantedModels {
  const byName = new Map(there.map((model) => [model.metadata.name, model]));
  const models: GrantedModel[] = [];
  const absent: string[] = [];
  for (const name of new Set(names)) {
    const model = byName.get(name);
    const granted = model && usable(model);
    if (granted) models.push(granted);
    else absent.push(model ? `Model ${name} (its spec is invalid)` : `Model ${name}`);
  }
  return { models, absent };
}

/** Undefined: stored by an older schema, and no longer right. */
function usable({ metadata, spec }: Model): GrantedModel | undefined {
  const parsed = ModelSpec.safeParse(spec).data;
  if (!parsed || !URL.canParse(modelEndpoint(parsed))) return undefined;
  const { apiKeySecretRef, ...rest } = parsed;
  return {
    file: {
      ...rest,
      name: metadata.name,
      labels: metadata.labels ?? {},
      hasKey: apiKeySecretRef !== undefined,
    },
    keyRef: apiKeySecretRef,
  };
}

/** Entries of `allowedHosts` without which the granted models can't be reached. */
export function unreachableModels({ models }: GrantedModels, allowedHosts: readonly string[]): string[] {
  const allowed = allowedHosts.map(parseHostPattern).filter((grant) => grant !== undefined);
  return models.flatMap(({ file }) => {
    const host = modelHost(file);
    const needed = parseHostPattern(host);
    // A name that is listed as private is the same name.
    const isAllowed = needed !== undefined && allowed.some((grant) => hostCovers(grant, needed));
    return isAllowed ? [] : [`allowedHosts: ${host} (Model ${file.name})`];
  });
}
