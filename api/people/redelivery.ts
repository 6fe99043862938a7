import { z } from "zod";
import { DriverName, SubscriptionName, TypePattern } from "../names.ts";

/** Most dead letters of one page, and of one request to redrive or drop them. */
export const MAX_DEAD_LETTERS = 100;
/** Most events that one request of a replay sends. */
export const MAX_REPLAYED = 500;
/** Most bytes of an event's data that are shown. */
export const MAX_SHOWN_BYTES = 262_144;

const Sequence = z.int().min(1);
const Instant = z.iso.datetime({ offset: true });

/** Which dead letters are meant; all of it must be so. */
export const DeadLetterFilter = z.strictObject({
  driver: DriverName.optional(),
  subscription: SubscriptionName.optional(),
  type: TypePattern.optional(),
  reason: z.string().min(1).max(64).optional(),
  user: z.string().min(1).max(4_096).optional(),
  /** When it became one. */
  from: Instant.optional(),
  to: Instant.optional(),
});
export type DeadLetterFilter = z.infer<typeof DeadLetterFilter>;

/** A part of the dead letters, in the order in which they became such. */
export const DeadLetterSelection = DeadLetterFilter.extend({
  /** Only these. */
  sequences: z.array(Sequence).min(1).max(MAX_DEAD_LETTERS).optional(),
  /** Begins behind this one. */
  after: z.int().min(0).optional(),
  /** Ends with this one: what becomes one meanwhile is not meant. */
  through: z.int().min(0).optional(),
  limit: z.int().min(1).max(MAX_DEAD_LETTERS).optional(),
});
export type DeadLetterSelection = z.infer<typeof DeadLetterSelection>;

export const RedriveRequest = DeadLetterSelection.extend({
  /** Also those whose event the bus no longer has, as the driver itself kept it. */
  unverified: z.boolean().optional(),
});
export type RedriveRequest = z.infer<typeof RedriveRequest>;

export const DeadLetter = z.object({
  sequence: z.number().describe("By which it is named."),
  at: z.string().describe("When it became one."),
  driver: z.string(),
  subscription: z.string(),
  type: z.string(),
  reason: z.string(),
  error: z.string(),
  attempts: z.number().describe("Of all times that it came."),
  redrives: z.number().describe("How often it was redriven."),
  publisher: z.string(),
  id: z.string().describe("Of the event."),
  source: z.string(),
  user: z.string().optional(),
  bytes: z.number().describe("Of its data."),
  cut: z.boolean().describe("Its data is too large to be kept with it."),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

export const DeadLetterPage = z.object({
  letters: z.array(DeadLetter),
  /** For `after`, where there may be more. */
  next: z.number().optional(),
});
export type DeadLetterPage = z.infer<typeof DeadLetterPage>;

export const DeadLetterDetail = z.object({
  letter: DeadLetter,
  attributes: z.record(z.string(), z.string()).describe("Of the CloudEvent, by name."),
  data: z.unknown().optional(),
  dataBase64: z.string().optional(),
  dataOmitted: z.boolean().optional(),
});
export type DeadLetterDetail = z.infer<typeof DeadLetterDetail>;

/** Why a dead letter was left where it is. */
export const SkipReason = z.enum(["NoSuchSubscription", "EventGone", "TooLarge", "BadLetter"]);
export type SkipReason = z.infer<typeof SkipReason>;

/** What one request did; the next one goes on at `next`. */
export const LettersDone = z.object({
  done: z.number(),
  types: z.record(z.string(), z.number()),
  skipped: z.array(z.object({ sequence: z.number(), reason: SkipReason })),
  /** The last one that is meant. */
  through: z.number(),
  next: z.number().optional(),
  /** DIRECTED has no room until the driver has handled some: to be asked again later. */
  full: z.boolean().optional(),
});
export type LettersDone = z.infer<typeof LettersDone>;

export const ReplayRequest = z.strictObject({
  from: Instant,
  to: Instant.optional(),
  types: z.array(TypePattern).min(1).max(64).optional(),
  dryRun: z.boolean().optional(),
  /** Id of the replay that this goes on with: an event is sent once by it. Absent: it begins one. */
  replay: z
    .string()
    .regex(/^[A-Za-z0-9-]{1,64}$/, "letters, digits and '-'")
    .optional(),
  after: z.int().min(0).optional(),
  through: z.int().min(0).optional(),
});
export type ReplayRequest = z.infer<typeof ReplayRequest>;

/** What one request of a replay did; the next one goes on at `next`. */
export const ReplayPage = z.object({
  replay: z.string(),
  /** Events by type; in a dry run those that would be sent. */
  types: z.record(z.string(), z.number()),
  /** Sent by an earlier request of the same replay. */
  repeated: z.number(),
  /** Too large to be sent with what says that they are a replay. */
  tooLarge: z.number(),
  /** The last event that is meant. */
  through: z.number(),
  next: z.number().optional(),
  /** When the bus stored the last one that was looked at. */
  at: z.string().optional(),
  full: z.boolean().optional(),
});
export type ReplayPage = z.infer<typeof ReplayPage>;
