import { z } from "zod";
import { entry } from "../entry.ts";
import { anything, fault, id, name, text, userId } from "../parts.ts";

const instructionId = id.describe("The standing instruction.");
const details = {
  instructionId,
  text: text.describe("What is to be done, in the user's words."),
  conditions: anything.describe("When: types of events, filters, a schedule.").optional(),
  enabled: z.boolean().optional(),
  userId,
};

export default [
  entry("instruction.created", "A user gave a standing instruction.", details),
  entry("instruction.updated", "A standing instruction changed; this is what it says now.", details),
  entry("instruction.deleted", "A standing instruction was taken back.", { instructionId, userId }),
  entry("instruction.executed", "A standing instruction was carried out.", {
    instructionId,
    eventId: id.describe("Id of the event that set it off.").optional(),
    summary: text.optional(),
    actions: name.array().max(1_000).optional(),
    userId,
  }),
  entry("instruction.failed", "A standing instruction could not be carried out.", {
    instructionId,
    eventId: id.optional(),
    error: fault,
    userId,
  }),
];
