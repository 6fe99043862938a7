import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import type { ConfigMap, Secret } from "@vextir/operator/kinds.ts";
import type { Volume, VolumeProjection } from "@vextir/operator/workloads.ts";
import { writeAtomically } from "../state/atomic-file.ts";
import { PodError } from "./pod-error.ts";

export interface VolumeSources {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
  /** A token for the pod. */
  token(audience: string, expirationSeconds: number): Promise<string>;
}

/** Kubernetes' default for a projected token's life. */
export const TOKEN_SECONDS = 3_600;

/**
 * Makes a volume's folder hold what it should; a folder that is there already is brought up to date, each file in one step.
 * @throws PodError when what it names is missing, or its type is not known here.
 */
export async function materialize(volume: Volume, folder: string, sources: VolumeSources): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (volume.emptyDir) return;
  const wanted = await contentOf(volume, sources);
  for (const [path, content] of wanted) await writeChanged(inside(folder, path), content);
  const superfluous = (await filesOf(folder)).filter((file) => !wanted.has(file));
  for (const file of superfluous) await rm(join(folder, file), { force: true });
}

type Content = Map<string, Buffer>;
type Items = { key: string; path: string }[] | undefined;

async function contentOf(volume: Volume, sources: VolumeSources): Promise<Content> {
  const { name, configMap, secret, projected } = volume;
  if (configMap) return pick(configMapData(configMap, sources), configMap, `ConfigMap ${configMap.name}`);
  if (secret) {
    const named = { name: secret.secretName, optional: secret.optional ?? false };
    return pick(secretData(named, sources), secret, `Secret ${secret.secretName}`);
  }
  if (!projected) throw new PodError("Config", `volume ${name}: the local mode knows no volume of this type`);
  const parts = await Promise.all(projected.sources.map((source) => projectedContent(name, source, sources)));
  return new Map(parts.flatMap((part) => [...part]));
}

async function projectedContent(
  volume: string,
  source: VolumeProjection,
  sources: VolumeSources,
): Promise<Content> {
  const { serviceAccountToken: token, configMap, secret } = source;
  if (configMap) return pick(configMapData(configMap, sources), configMap, `ConfigMap ${configMap.name}`);
  if (secret) return pick(secretData(secret, sources), secret, `Secret ${secret.name}`);
  if (!token)
    throw new PodError(
      "Config",
      `volume ${volume}: the local mode knows no ${Object.keys(source).join(", ")}`,
    );
  const text = await sources.token(token.audience ?? "", token.expirationSeconds ?? TOKEN_SECONDS);
  return new Map([[token.path, Buffer.from(text)]]);
}

interface Named {
  name: string;
  optional?: boolean;
}

function configMapData({ name, optional = false }: Named, sources: VolumeSources): Content {
  const object = sources.configMap(name) as (ConfigMap & { binaryData?: Record<string, string> }) | undefined;
  if (!object && !optional) throw new PodError("Config", `ConfigMap ${name} does not exist`);
  const binary = Object.entries(object?.binaryData ?? {}).map(
    ([key, value]) => [key, Buffer.from(value, "base64")] as const,
  );
  return new Map([
    ...Object.entries(object?.data ?? {}).map(([key, text]) => [key, Buffer.from(text)] as const),
    ...binary,
  ]);
}

function secretData({ name, optional = false }: Named, sources: VolumeSources): Content {
  const object = sources.secret(name);
  if (!object && !optional) throw new PodError("Config", `Secret ${name} does not exist`);
  return new Map(
    Object.entries(object?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64")]),
  );
}

function pick(content: Content, { items, optional }: { items?: Items; optional?: boolean }, what: string) {
  if (!items) return content;
  const picked: Content = new Map();
  for (const { key, path } of items) {
    const value = content.get(key);
    if (value) picked.set(path, value);
    else if (!optional) throw new PodError("Config", `${what} has no key ${key}`);
  }
  return picked;
}

/** A path within the folder; keys and paths come from objects that anybody may have written. */
function inside(folder: string, path: string): string {
  const full = normalize(join(folder, path));
  if (!full.startsWith(folder + sep)) throw new PodError("Config", `"${path}" leads out of its volume`);
  return full;
}

async function writeChanged(path: string, content: Buffer): Promise<void> {
  const before = await readFile(path).catch(() => undefined);
  if (before?.equals(content)) return;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeAtomically(path, content);
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}
