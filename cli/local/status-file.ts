import { readFile } from "node:fs/promises";
import { z } from "zod";
import { LocalError } from "./local-error.ts";
import { lockHolder } from "./state/lock.ts";
import { statePaths } from "./state/state-folder.ts";

const status = z.enum(["True", "False", "Unknown"]);
const StatusFile = z.object({
  folder: z.string(),
  bus: z
    .object({ url: z.string(), uids: z.record(z.string(), z.string()).describe("By <namespace>/<driver>.") })
    .optional(),
  drivers: z.array(
    z.object({
      namespace: z.string(),
      name: z.string(),
      class: z.string(),
      ready: status,
      active: status,
      replicas: z.number(),
      reason: z.string(),
      message: z.string(),
      urls: z.array(z.string()),
      createdAt: z.string(),
    }),
  ),
});

/** What a running local mode says of itself, in a file of its state folder. */
export type StatusFile = z.infer<typeof StatusFile>;

/** @throws LocalError `NotRunning` when no local mode runs on that state. */
export async function readStatus(state: string): Promise<StatusFile> {
  const { lock, status: path } = statePaths(state);
  if (!lockHolder(lock))
    throw new LocalError(
      "NotRunning",
      `no local mode runs on ${state}: start it with \`vextir up <folder>\``,
    );
  const text = await readFile(path, "utf8").catch((cause) => {
    throw new LocalError("NotRunning", "the local mode is still starting", { cause });
  });
  return StatusFile.parse(JSON.parse(text));
}
