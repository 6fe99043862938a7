import { createRealm, type Realm } from "@vextir/operator/bus/index.ts";
import { LocalError } from "./local-error.ts";
import { keyMaterial } from "./state/keys.ts";
import { statePaths } from "./state/state-folder.ts";
import { readStatus } from "./status-file.ts";

/** The bus of a running local mode, and the keys to it. */
export interface RunningBus {
  servers: string[];
  realm: Realm;
  /** Of the Drivers, by `<namespace>/<name>`. */
  uids: Readonly<Record<string, string>>;
}

/** By the keys in the state folder. @throws LocalError `NotRunning` */
export async function runningBus(state: string): Promise<RunningBus> {
  const { bus } = await readStatus(state);
  if (!bus) throw new LocalError("NotRunning", "the local mode is still starting");
  return { servers: [bus.url], realm: createRealm(await keyMaterial(statePaths(state))), uids: bus.uids };
}
