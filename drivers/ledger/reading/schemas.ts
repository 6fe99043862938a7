import { TypePattern } from "@vextir/driver-runtime";
import { z } from "zod";

const Text = z.string().min(1).max(1_024);
const Time = z.iso.datetime({ offset: true });

export const MAX_PAGE = 200;
export const MAX_LINEAGE = 2_000;

export const QueryInput = z
  .strictObject({
    types: z
      .array(TypePattern)
      .min(1)
      .max(32)
      .optional()
      .describe("Types of events: '*' stands for one part, a final '>' for one or more."),
    user: Text.optional().describe("Only events on behalf of this user."),
    source: Text.optional().describe("Only events with this source."),
    publisher: Text.optional().describe("Only events that this driver put on the bus."),
    correlation: Text.optional().describe("Only events that the event of this id began, itself included."),
    since: Time.optional().describe("Only what the bus stored at or after this time (RFC 3339)."),
    until: Time.optional().describe("Only what the bus stored before this time (RFC 3339)."),
    text: z
      .string()
      .min(1)
      .max(500)
      .optional()
      .describe('Words in type, subject and data, as in a web search: all of them, "a phrase", or, -not.'),
    order: z.enum(["Newest", "Oldest"]).default("Newest").describe("What comes first."),
    limit: z.int().min(1).max(MAX_PAGE).default(50).describe("Most events of one page."),
    cursor: z
      .string()
      .max(100)
      .optional()
      .describe("The cursor of the page before; all else as for that page."),
  })
  .describe("Everything given must hold.");
export type QueryInput = z.infer<typeof QueryInput>;

export const RecordedEvent = z.object({
  id: z.string(),
  type: z.string(),
  publisher: z.string().describe("The driver that put it on the bus, by the bus's word."),
  source: z.string().describe("What the publisher says of its origin."),
  subject: z.string().optional(),
  time: z.string().describe("When it happened, by the publisher's word."),
  storedAt: z.string().describe("When the bus stored it."),
  correlationId: z.string().describe("Id of the event that began it all."),
  causationId: z.string().optional().describe("Id of the event that directly caused it."),
  userId: z.string().optional(),
  hops: z.int(),
  partitionKey: z.string().optional(),
  traceParent: z.string().optional(),
  dataContentType: z.string().optional(),
  dataSchema: z.string().optional(),
  extensions: z.record(z.string(), z.string()),
  sequence: z.int().describe("Its place in the stream EVENTS."),
  size: z.int().describe("Bytes of its data."),
  data: z.unknown().optional(),
  dataBase64: z.string().optional().describe("Data that is no JSON."),
  dataOmitted: z.boolean().optional().describe("The data is too large for this answer."),
});
export type RecordedEvent = z.infer<typeof RecordedEvent>;

export const RecordedHandling = z.object({
  driver: z.string(),
  subscription: z.string(),
  attempt: z.int(),
  at: z.string().describe("When the attempt began."),
  durationMs: z.number(),
  outcome: z.string().describe("Succeeded, Retried, DeadLettered, GivenUp or Returned."),
  reason: z.string().optional(),
  error: z.string().optional(),
});
export type RecordedHandling = z.infer<typeof RecordedHandling>;

export const QueryOutput = z.object({
  events: z.array(RecordedEvent),
  cursor: z
    .string()
    .optional()
    .describe("For the next page. With order Oldest there always is one, for what will be recorded later."),
});
export type QueryOutput = z.infer<typeof QueryOutput>;

export const GetInput = z.strictObject({
  id: z.string().min(1).max(256).describe("Id of the event."),
  publisher: Text.optional().describe("Where several publishers used the id."),
  source: Text.optional().describe("Where several sources used the id."),
  user: Text.optional().describe("Only an event on behalf of this user."),
});
export type GetInput = z.infer<typeof GetInput>;

export const GetOutput = z.object({
  event: RecordedEvent,
  handlings: z.array(RecordedHandling).describe("Oldest first, 100 at most."),
  others: z.int().describe("Further events with this id, of other publishers or sources."),
});
export type GetOutput = z.infer<typeof GetOutput>;

export const MAX_KNOWN = 256;

export const KnownInput = z.strictObject({
  events: z
    .array(
      z.strictObject({
        source: Text,
        id: z.string().min(1).max(256),
        correlation: Text.describe("Of the event that is asked about, which nothing caused."),
      }),
    )
    .min(1)
    .max(MAX_KNOWN)
    .describe("Events that the caller published, or may have."),
});
export type KnownInput = z.infer<typeof KnownInput>;

export const KnownOutput = z.object({
  known: z.array(z.int()).describe("Places in `events` of those that are recorded."),
});
export type KnownOutput = z.infer<typeof KnownOutput>;

export const LineageInput = GetInput.extend({
  direction: z
    .enum(["Up", "Down", "Both"])
    .default("Both")
    .describe("Up: what caused it. Down: what it caused."),
  limit: z.int().min(1).max(MAX_LINEAGE).default(1_000).describe("Most events of the graph."),
});
export type LineageInput = z.infer<typeof LineageInput>;

export const LineageNode = RecordedEvent.pick({
  id: true,
  type: true,
  publisher: true,
  source: true,
  storedAt: true,
  causationId: true,
  userId: true,
}).extend({ handlings: z.array(RecordedHandling).describe("Oldest first, 20 at most.") });
export type LineageNode = z.infer<typeof LineageNode>;

export const LineageOutput = z.object({
  events: z.array(LineageNode).describe("Causes before effects."),
  edges: z
    .array(z.object({ from: z.int(), to: z.int() }))
    .describe("From cause to effect: places in `events`."),
  focus: z.int().describe("Place in `events` of the event that was asked for."),
  truncated: z.boolean().describe("There is more than the limit, or than an answer holds."),
});
export type LineageOutput = z.infer<typeof LineageOutput>;
