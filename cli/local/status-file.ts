import { z } from "zod";
import { readRunning } from "./state/running-file.ts";

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
  return StatusFile.parse(await readRunning(state, "status"));
}
