import { type Driver, DriverFile, type DriverSpec, type ModelFile, POD_PATHS } from "@vextir/api";
import { contentHash } from "../content-hash.ts";

const SOURCE_NAME = POD_PATHS.sourceFile.slice(POD_PATHS.driverDir.length + 1);
const FILE_NAME = POD_PATHS.driverFile.slice(POD_PATHS.driverDir.length + 1);

/** What a driver's code may know of its Driver object. */
export function driverFileOf(
  driver: Driver,
  spec: DriverSpec,
  { maxEventBytes, models }: { maxEventBytes: number; models: readonly ModelFile[] },
): DriverFile {
  return {
    name: driver.metadata.name,
    namespace: driver.metadata.namespace ?? "default",
    class: spec.class,
    ...(spec.module !== undefined && { module: spec.module }),
    ...(spec.source !== undefined && { source: SOURCE_NAME }),
    config: spec.config,
    secretNames: spec.configSecretRefs.map((ref) => ref.name),
    subscriptions: spec.subscriptions,
    capabilities: spec.capabilities,
    models: [...models],
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds,
    maxEventBytes,
  };
}

/** Content of a template's ConfigMap. */
export function templateData(file: DriverFile, source: string | undefined): Record<string, string> {
  return { [FILE_NAME]: JSON.stringify(file), ...(source !== undefined && { [SOURCE_NAME]: source }) };
}

/** The file as a template's ConfigMap holds it; undefined when it holds none. */
export function readDriverFile(data: Record<string, string> | undefined): DriverFile | undefined {
  const text = data?.[FILE_NAME];
  if (text === undefined) return undefined;
  try {
    return DriverFile.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/**
 * Names the code of a template where nothing but the template decides about it: a source run by the stock image. Undefined for an
 * image, whose tag may bring other code tomorrow.
 */
export function codeHash(
  spec: Pick<DriverSpec, "image">,
  data: Record<string, string> | undefined,
): string | undefined {
  const source = data?.[SOURCE_NAME];
  return source === undefined || spec.image !== undefined ? undefined : contentHash(source);
}
