import { readFile } from "node:fs/promises";
import { LocalError } from "../local-error.ts";
import { lockHolder } from "./lock.ts";
import { statePaths } from "./state-folder.ts";

/** What a running local mode tells in a file of its state folder. @throws LocalError `NotRunning` */
export async function readRunning(state: string, file: "status" | "capabilities"): Promise<unknown> {
  const paths = statePaths(state);
  if (!lockHolder(paths.lock))
    throw new LocalError(
      "NotRunning",
      `no local mode runs on ${state}: start it with \`vextir up <folder>\``,
    );
  const text = await readFile(paths[file], "utf8").catch((cause) => {
    throw new LocalError("NotRunning", "the local mode is still starting", { cause });
  });
  return JSON.parse(text);
}
