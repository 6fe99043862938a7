import { Duration } from "@vextir/driver-runtime";
import { z } from "zod";

const Collection = z.string().min(1).max(200);
const Name = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, "a DNS label");

/** A text that is kept of each user's documents. */
export const Summary = z.strictObject({
  name: Name.describe("What requests and the documents call it."),
  collections: z
    .array(Collection)
    .min(1)
    .max(32)
    .describe("What it is made of: these and what is below them."),
  into: Collection.default("summaries").describe(
    "Where it is kept; none of `collections`, and not below one.",
  ),
  query: z
    .string()
    .min(1)
    .max(500)
    .optional()
    .describe("What to sum up. Default: what the titles and beginnings of the newest documents say."),
  instruction: z
    .string()
    .max(1_000)
    .default("Sum up what is known, in at most 200 words.")
    .describe("How, to the model."),
  onChange: z.boolean().default(true).describe("Made anew when documents change."),
  every: Duration.optional().describe(
    "Made anew so often where documents changed since, whoever was told of it or not.",
  ),
  debounce: Duration.default("30s").describe("Waits until changes rest for so long; 1s at least."),
  maxDelay: Duration.default("10m").describe("Waits no longer than this after the first change."),
});
export type Summary = z.infer<typeof Summary>;

const isBelow = (collection: string, other: string) =>
  collection === other || collection.startsWith(`${other}/`);

export const Config = z.object({
  trustedPublishers: z
    .array(z.string().min(1))
    .max(256)
    .default(["gateway"])
    .describe(
      "Drivers whose word on an event's user is taken. Events of others need the gateway's assertion.",
    ),
  defaultUser: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe(
      "Whose documents are meant where a trusted publisher's event has no user; for one person's machine.",
    ),
  attempts: z
    .int()
    .min(1)
    .max(100)
    .default(4)
    .describe(
      "Attempts until a request has failed that the hub can't do now; fewer than `delivery.maxDeliver`.",
    ),
  hubSeconds: z.int().min(1).max(600).default(30).describe("How long one attempt waits for the hub."),
  synthesisSeconds: z.int().min(1).max(600).default(120).describe("How long one synthesis may take."),
  summaries: z
    .array(
      Summary.refine(({ collections, into }) => !collections.some((one) => isBelow(into, one)), {
        path: ["into"],
        message: "must not be below one of `collections`: a summary would be made of itself",
      }),
    )
    .max(32)
    .default([])
    .refine((all) => new Set(all.map(({ name }) => name)).size === all.length, "two have the same name")
    .describe("Texts that are kept of each user's documents."),
});
export type Config = z.infer<typeof Config>;
