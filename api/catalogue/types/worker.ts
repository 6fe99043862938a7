import { z } from "zod";
import { entry } from "../entry.ts";
import { anything, fault, id, name, requestId, text, userId } from "../parts.ts";

const workerId = id.describe("The worker.");

export default [
  entry("worker.requested", "Work is given to a worker of its own.", {
    task: text.describe("What it is to do."),
    kind: name.optional(),
    arguments: anything.optional(),
    repo: name.describe("URL of the repository that it works on.").optional(),
    timeoutSeconds: z.int().min(1).optional(),
    userId,
  }),
  entry("worker.started", "A worker began.", { workerId, requestId, kind: name.optional(), userId }),
  entry("worker.progressed", "A worker says how far it is.", {
    workerId,
    message: text,
    percent: z.number().min(0).max(100).optional(),
    userId,
  }),
  entry("worker.completed", "A worker is done.", {
    workerId,
    requestId,
    summary: text.optional(),
    result: anything.optional(),
    userId,
  }),
  entry("worker.failed", "A worker gave up.", { workerId, requestId, error: fault, userId }),
];
