import type { DriverSpec } from "@vextir/api";
import type { Cluster } from "../cluster.ts";
import { KINDS } from "../kinds.ts";

/** The code of an inline source or of a referenced ConfigMap; none with `module` or an image of one's own. */
export type SourceText = { text?: string } | { problem: string };

/** The ConfigMap that a spec takes its code from. */
export const sourceConfigMap = (spec: DriverSpec | undefined) => spec?.source?.configMapRef?.name;

export async function readSource(cluster: Cluster, namespace: string, spec: DriverSpec): Promise<SourceText> {
  const { inline, configMapRef } = spec.source ?? {};
  if (inline !== undefined) return { text: inline };
  if (!configMapRef) return {};
  const { name, key } = configMapRef;
  const found = await cluster.get(KINDS.ConfigMap, { namespace, name });
  const where = `spec.source.configMapRef: ConfigMap ${name}`;
  if (!found) return { problem: `${where} is not there` };
  const text = found.data?.[key];
  if (text === undefined) return { problem: `${where} has no key ${key}` };
  return text.trim() === "" ? { problem: `${where}: key ${key} is empty` } : { text };
}
