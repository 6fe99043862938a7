import { join } from "node:path";
import { quantityBytes } from "@vextir/api";
import type { Container, Volume } from "@vextir/operator/workloads.ts";
import { rewritePath } from "./environment.ts";
import { PodError } from "./pod-error.ts";

/** Share of a memory limit that the heap may fill; the rest is buffers and code. */
const HEAP_SHARE = 0.75;

/** What stands for the release's driver image on this machine. */
export interface DriverImage {
  /** Name that Deployments call it by. */
  name: string;
  /** Folder of the host's bundle; it holds `main.js`. */
  bundle: string;
  /** Folder that a module given by a relative path is looked up from. */
  workingDirectory: string;
  /** Folder of compiled code that modules share. Inline sources, which are not trusted with files, don't. */
  compileCache?: string;
}

export interface ContainerFolders {
  /** The pod's own folder. */
  pod: string;
  /** Mount path within the container -> folder on this machine. */
  mounts: ReadonlyMap<string, string>;
}

/** Folder of each mount. */
export function mountsOf(container: Container, podFolder: string): Map<string, string> {
  return new Map(
    (container.volumeMounts ?? []).map(({ name, mountPath, subPath }) => [
      mountPath.replace(/(.)\/+$/, "$1"),
      join(volumeFolder(podFolder, name), subPath ?? ""),
    ]),
  );
}

export const volumeFolder = (podFolder: string, volume: string) => join(podFolder, "volumes", volume);
export const temporaryFolder = (podFolder: string) => join(podFolder, "tmp");

/**
 * The command line of the stock image's process. What came as an inline source runs under Node's permission model: it reads the
 * bundle and its own folder, writes its own empty volumes, and starts no processes.
 * @throws PodError when it is another image's container.
 */
export function commandOf(
  container: Container,
  volumes: readonly Volume[],
  image: DriverImage,
  folders: ContainerFolders,
  inline: boolean,
): { command: string; args: string[]; cwd: string; env: Record<string, string> } {
  if (container.image !== image.name)
    throw new PodError(
      "Image",
      `image ${container.image}: the local mode runs modules and inline sources, no images`,
    );
  if (container.command) throw new PodError("Image", "the local mode can't run a command of its own");
  const own = (container.args ?? []).map((arg) => rewritePath(arg, folders.mounts));
  const permissions = inline ? permissionFlags(volumes, image, folders.pod) : [];
  return {
    command: process.execPath,
    args: [...heapFlags(container), ...permissions, join(image.bundle, "main.js"), ...own],
    cwd: inline ? folders.pod : image.workingDirectory,
    env: cacheVariables(image, inline),
  };
}

function cacheVariables({ compileCache }: DriverImage, inline: boolean): Record<string, string> {
  if (inline || compileCache === undefined) return { NODE_DISABLE_COMPILE_CACHE: "1" };
  return { NODE_COMPILE_CACHE: compileCache };
}

function permissionFlags(volumes: readonly Volume[], image: DriverImage, podFolder: string): string[] {
  const writable = volumes
    .filter(({ emptyDir }) => emptyDir)
    .map(({ name }) => volumeFolder(podFolder, name));
  return [
    "--permission",
    `--allow-fs-read=${image.bundle}`,
    `--allow-fs-read=${podFolder}`,
    ...[temporaryFolder(podFolder), ...writable].map((folder) => `--allow-fs-write=${folder}`),
  ];
}

function heapFlags({ resources }: Container): string[] {
  const limit = resources?.limits?.["memory"];
  if (limit === undefined || !/^\d+(Ki|Mi|Gi|Ti)?$/.test(limit)) return [];
  return [`--max-old-space-size=${Math.max(16, Math.floor((quantityBytes(limit) * HEAP_SHARE) / 2 ** 20))}`];
}
