import { revisionsOf } from "@vextir/operator/driver/revisions/revision.ts";
import { KINDS } from "@vextir/operator/kinds.ts";
import { LocalError } from "../local/local-error.ts";
import { statePaths } from "../local/state/state-folder.ts";
import { ObjectStore } from "../local/store/object-store.ts";
import { StoreFile } from "../local/store/store-file.ts";
import type { History } from "./history.ts";

/** As a local mode keeps it on this state, whether it runs or not. @throws LocalError `BadState`, `NotFound` */
export async function localHistory(state: string, namespace: string, name: string): Promise<History> {
  const store = new ObjectStore();
  const { objects } = statePaths(state);
  await new StoreFile(objects, store, [], () => {}).open().catch((cause) => {
    throw new LocalError("BadState", `${objects} can't be read: ${(cause as Error).message}`, { cause });
  });
  const driver = store.get(KINDS.Driver, { namespace, name });
  if (!driver)
    throw new LocalError("NotFound", `there is no Driver ${name} in namespace ${namespace} of ${state}`);
  return { driver, revisions: revisionsOf(driver, store.list(KINDS.ControllerRevision, { namespace })) };
}
