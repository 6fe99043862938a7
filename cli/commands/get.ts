import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { driverTable } from "../local/driver-table.ts";
import { LocalError } from "../local/local-error.ts";
import { lockHolder } from "../local/state/lock.ts";
import { STATES, statePaths } from "../local/state/state-folder.ts";
import { readStatus } from "../local/status-file.ts";

/** `vextir get drivers`: text for the screen. @throws LocalError `NotRunning`. */
export async function getDrivers(options: { state?: string; output?: string }): Promise<string> {
  const { drivers } = await readStatus(options.state ?? runningState());
  return options.output === "json"
    ? JSON.stringify(drivers, null, 2)
    : driverTable(drivers, Date.now()).join("\n");
}

/** The one state under `.vextir` that a local mode runs on. */
export function runningState(): string {
  const states = statesIn(resolve(STATES)).filter((state) => lockHolder(statePaths(state).lock));
  const [only, another] = states;
  if (only === undefined)
    throw new LocalError(
      "NotRunning",
      `no local mode runs on a state under ${STATES}: start one with \`vextir up <folder>\`, or name its --state`,
    );
  if (another !== undefined)
    throw new LocalError("NotRunning", `several local modes run; name one by --state: ${states.join(", ")}`);
  return only;
}

function statesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [join(folder, entry.name)] : [],
    );
  } catch {
    return [];
  }
}
