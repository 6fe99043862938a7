import { entry } from "../entry.ts";
import { anything, fault, id, name, text, time, userId } from "../parts.ts";

const taskId = id.describe("The task.");
const details = {
  taskId,
  title: name,
  description: text.optional(),
  assignee: name.describe("A user or a driver.").optional(),
  dueAt: time.optional(),
  priority: name.describe("low, normal, high or urgent.").optional(),
  status: name.describe("open, active, blocked, …").optional(),
  userId,
};

export default [
  entry("task.created", "There is something to do.", details),
  entry("task.updated", "A task changed; this is what it says now.", details),
  entry("task.completed", "A task is done.", {
    taskId,
    result: anything.optional(),
    summary: text.optional(),
    userId,
  }),
  entry("task.cancelled", "A task is not to be done any more.", { taskId, reason: name.optional(), userId }),
  entry("task.failed", "A task could not be done.", { taskId, error: fault, userId }),
];
