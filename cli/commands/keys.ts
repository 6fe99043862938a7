import { replaceMaster } from "../local/state/keys.ts";
import { openState } from "../local/state/state-folder.ts";

/** `vextir keys rotate`, of a local mode that doesn't run: text for the screen. @throws LocalError `StateLocked`, `BadState` */
export async function rotateKeys(state: string): Promise<string> {
  await replaceMaster(await openState(state));
  return "All keys of the bus are new from the next `vextir up` on; its data stays.";
}
