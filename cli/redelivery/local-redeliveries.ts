import { FilePinnedIds, Redelivery } from "@vextir/operator/bus/index.ts";
import { runningState } from "../commands/get.ts";
import { LocalError } from "../local/local-error.ts";
import { runningBus } from "../local/running-bus.ts";
import { statePaths } from "../local/state/state-folder.ts";
import type { Redeliveries } from "./redeliveries.ts";

/** By the keys in the state folder. @throws LocalError `NotRunning`, `NotFound`; BusError */
export async function withLocalRedeliveries<T>(
  { state = runningState(), namespace }: { state?: string; namespace: string },
  work: (redeliveries: Redeliveries) => Promise<T>,
): Promise<T> {
  const pinned = new FilePinnedIds(statePaths(state).pinnedIds);
  const redelivery = new Redelivery({ ...(await runningBus(state)), pinned });
  try {
    return await work({
      list: (selection) => redelivery.list(namespace, selection),
      show: async (sequence, driver) => {
        const found = await redelivery.show(namespace, sequence);
        if (found && (driver === undefined || found.letter.driver === driver)) return found;
        throw new LocalError("NotFound", `there is no dead letter ${sequence} in namespace ${namespace}`);
      },
      redrive: (request) => redelivery.redrive(namespace, request),
      drop: (selection) => redelivery.drop(namespace, selection),
      replay: async (driver, request) => {
        const page = await redelivery.replay(namespace, driver, request);
        if (page) return page;
        throw new LocalError(
          "NotFound",
          `there is no Driver ${driver} in namespace ${namespace}, or it has no subscription of events`,
        );
      },
    });
  } finally {
    redelivery.close();
  }
}
