import { z } from "zod";

export const Config = z.object({
  model: z
    .string()
    .min(1)
    .optional()
    .describe(
      "Name of a granted Model. Default: the granted ones of kind Chat in their order, those with the feature Tools alone where there are tools.",
    ),
  persona: z
    .string()
    .min(1)
    .max(65_536)
    .default("You are a helpful assistant. Answer briefly, and say so when you do not know.")
    .describe("What the model is told before every conversation."),
  maxSteps: z.int().min(1).max(32).default(8).describe("Requests to the model for one message."),
  maxSeconds: z.int().min(1).max(840).default(120).describe("Seconds for one message, tools included."),
  maxDollars: z
    .number()
    .positive()
    .optional()
    .describe("What one message may cost; for models with a price."),
  toolSeconds: z.int().min(1).max(600).default(30).describe("Seconds for one tool."),
  maxToolResultCharacters: z
    .int()
    .min(256)
    .max(1_000_000)
    .default(16_384)
    .describe("What is longer is cut before the model sees it."),
  memory: z
    .object({
      turns: z
        .int()
        .min(0)
        .max(200)
        .default(40)
        .describe("Messages and answers of a conversation that are kept; 0: none."),
      characters: z
        .int()
        .min(1_000)
        .max(400_000)
        .default(24_000)
        .describe("Beyond it older ones are summarised."),
      ttlDays: z
        .int()
        .min(1)
        .max(3_650)
        .default(30)
        .describe("A conversation that rests so long begins anew."),
    })
    .prefault({})
    .describe("What it remembers of a conversation, in its own bucket."),
  context: z
    .object({
      passages: z
        .int()
        .min(0)
        .max(50)
        .default(5)
        .describe("Parts of documents that are looked up before the answer; 0: only when the model asks."),
      characters: z.int().min(500).max(100_000).default(6_000).describe("Of all of them together."),
      seconds: z.int().min(1).max(60).default(2).describe("How long an answer waits for the context hub."),
      collections: z
        .array(z.string().min(1))
        .max(100)
        .default([])
        .describe("Where to look. Default: all that is granted."),
      trustedPublishers: z
        .array(z.string().min(1))
        .max(256)
        .default(["gateway"])
        .describe(
          "Drivers whose word on a message's user is taken. Without the gateway's assertion others' messages are answered without documents.",
        ),
      defaultUser: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe(
          "Whose documents are meant where a trusted publisher's message has no user; for one person's machine.",
        ),
    })
    .prefault({})
    .describe("What it looks up in the context hub, where `capabilities.context` grants `search`."),
});
export type Config = z.infer<typeof Config>;
