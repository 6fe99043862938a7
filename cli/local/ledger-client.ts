import { createRealm, DriverCalls } from "@vextir/operator/bus/index.ts";
import { LocalError } from "./local-error.ts";
import { keyMaterial } from "./state/keys.ts";
import { statePaths } from "./state/state-folder.ts";
import { readStatus } from "./status-file.ts";

/** Runs `work` with the methods of a driver of a running local mode. @throws LocalError `NotRunning`, `NotFound`; BusError */
export async function withDriver<T>(
  state: string,
  driver: { namespace: string; name: string },
  work: (calls: DriverCalls) => Promise<T>,
): Promise<T> {
  const { bus } = await readStatus(state);
  const { namespace, name } = driver;
  const uid = bus?.uids[`${namespace}/${name}`];
  if (!bus || !uid)
    throw new LocalError(
      "NotFound",
      `there is no Driver ${name} in namespace ${namespace}: history is kept by a Driver with \`module: ledger\``,
    );
  const realm = createRealm(await keyMaterial(statePaths(state)));
  const calls = await DriverCalls.open({ servers: [bus.url], realm }, { name, uid });
  try {
    return await work(calls);
  } finally {
    await calls.close();
  }
}
