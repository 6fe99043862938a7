import { z } from "zod";

/** Type of the messages in the stream HANDLINGS: CloudEvents whose data is `Handlings`. */
export const HANDLINGS_TYPE = "vextir.handlings";

/** Most handlings of one message. */
export const MAX_HANDLINGS = 256;
export const MAX_HANDLING_ERROR = 1_000;

const Name = z.string().min(1).max(200);

/** What became of one delivery: said by the runtime of the driver that had it, about itself alone. */
export const Handling = z.object({
  id: z.string().min(1).max(256).describe("Id of the event."),
  source: z.string().min(1).max(1_024).describe("Source of the event."),
  publisher: Name.describe("Driver that published it."),
  root: z
    .string()
    .min(1)
    .max(1_024)
    .optional()
    .describe("Correlation of an event that nothing caused, where it is not its id."),
  type: Name.describe("Type of the event."),
  sequence: z.int().min(0).describe("The event's place in the stream EVENTS."),
  subscription: Name.describe("Subscription that brought it."),
  attempt: z.int().min(1).describe("1 at the first delivery."),
  at: z.iso.datetime().describe("When the attempt began."),
  durationMs: z.number().min(0).describe("How long it took."),
  outcome: Name.describe("Succeeded, Retried, DeadLettered, GivenUp, Returned."),
  reason: z.string().max(200).optional().describe("Why it was dead-lettered or given up."),
  replay: Name.optional().describe("Id of the replay or redrive that brought it; absent: it came by itself."),
  error: z.string().max(MAX_HANDLING_ERROR).optional().describe("What the handler threw."),
});
export type Handling = z.infer<typeof Handling>;

export const Handlings = z.object({ handlings: z.array(Handling).max(MAX_HANDLINGS) });
export type Handlings = z.infer<typeof Handlings>;
