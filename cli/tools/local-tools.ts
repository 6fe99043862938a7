import { callTool, listTools } from "@vextir/operator/bus/index.ts";
import { runningState } from "../commands/get.ts";
import { LocalError } from "../local/local-error.ts";
import { runningBus } from "../local/running-bus.ts";
import type { TenantTools } from "./tenant-tools.ts";

/** By the keys in the state folder. @throws LocalError `NotRunning` */
export async function localTools({
  state = runningState(),
  namespace,
}: {
  state?: string;
  namespace: string;
}): Promise<TenantTools> {
  const bus = await runningBus(state);
  const prefix = `${namespace}/`;
  const there = Object.entries(bus.uids).flatMap(([key, uid]) =>
    key.startsWith(prefix) ? [{ namespace, name: key.slice(prefix.length), uid }] : [],
  );
  const named = (driver: string) => {
    const found = there.find(({ name }) => name === driver);
    if (found) return found;
    throw new LocalError("NotFound", `there is no Driver ${driver} in namespace ${namespace}`);
  };
  return {
    list: async (driver) => listTools(bus, driver === undefined ? there : [named(driver)]),
    call: async (driver, method, input) => callTool(bus, named(driver), method, input),
  };
}
