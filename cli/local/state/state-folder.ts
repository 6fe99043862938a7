import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { LocalError } from "../local-error.ts";

/** All states that are kept where `vextir` is called. */
export const STATES = ".vextir";

/** Where things lie in a state folder. */
export function statePaths(folder: string) {
  return {
    folder,
    lock: join(folder, "lock"),
    objects: join(folder, "objects.json"),
    processes: join(folder, "processes.json"),
    status: join(folder, "status.json"),
    capabilities: join(folder, "capabilities.json"),
    masterSecret: join(folder, "keys", "master"),
    identity: join(folder, "keys", "identity"),
    pinnedIds: join(folder, "keys", "pinned-ids.json"),
    bus: join(folder, "bus"),
    hub: join(folder, "hub"),
    pods: join(folder, "pods"),
    compileCache: join(folder, "compile-cache"),
  };
}
export type StatePaths = ReturnType<typeof statePaths>;

/** The state of a folder of YAML, when none is named: `.vextir/<name>-<hash of the path>` where `vextir` is called. */
export function defaultState(folder: string): string {
  const path = resolve(folder);
  const hash = createHash("sha256").update(path).digest("hex").slice(0, 6);
  return resolve(STATES, `${basename(path)}-${hash}`);
}

/** Makes the folder, for its owner alone. @throws LocalError `BadState` when that is not possible. */
export async function openState(folder: string): Promise<StatePaths> {
  const paths = statePaths(resolve(folder));
  try {
    for (const part of [paths.folder, dirname(paths.masterSecret), paths.bus, paths.compileCache])
      await mkdir(part, { recursive: true, mode: 0o700 });
    const parent = dirname(paths.folder);
    const ignore = join(parent, ".gitignore");
    if (basename(parent) === STATES && !existsSync(ignore)) await writeFile(ignore, "*\n");
    return paths;
  } catch (cause) {
    throw new LocalError(
      "BadState",
      `the state folder ${folder} can't be used: ${(cause as Error).message}`,
      { cause },
    );
  }
}
