import { z } from "zod";
import { EventType } from "../../names.ts";
import { entry } from "../entry.ts";
import { id, name, time, userId } from "../parts.ts";

const scheduleId = id.describe("The schedule.");

export default [
  entry("schedule.created", "Something is to happen at a time, or again and again.", {
    scheduleId,
    name: name.optional(),
    at: time.describe("Once.").optional(),
    cron: name.describe("Again and again, as cron says it.").optional(),
    every: name.describe("Again and again: 30s, 1h.").optional(),
    timeZone: name.describe("IANA, for cron; default UTC.").optional(),
    event: z.object({ type: EventType, data: z.unknown().optional() }).describe("What is published then."),
    userId,
  }),
  entry("schedule.deleted", "It is not to happen any more.", { scheduleId, userId }),
  entry("schedule.triggered", "Its time came.", {
    scheduleId,
    name: name.optional(),
    dueAt: time,
    firedAt: time.optional(),
    userId,
  }),
];
