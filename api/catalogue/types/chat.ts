import { z } from "zod";
import { entry } from "../entry.ts";
import { id, name, text, userId } from "../parts.ts";

const conversationId = id.describe("Comes back with the answer.").optional();

export default [
  entry("chat.message.received", "Somebody said something.", {
    text,
    conversationId,
    userId: id.describe("Who says it; comes back with the answer.").optional(),
    channel: name.describe("Where: web, slack, …").optional(),
  }),
  entry("chat.cancel", "An answer under way is no longer wanted.", {
    messageId: id.describe("Id of the event that is being answered.").optional(),
    conversationId: id.describe("All answers of this conversation.").optional(),
  }),
  entry("chat.message.sent", "Something was said to somebody.", {
    text: z.string().max(1_048_576),
    inReplyTo: id.describe("Id of the event that is answered.").optional(),
    conversationId,
    userId,
    channel: name.optional(),
    tools: z
      .object({
        name: name.describe("<driver>.<method>"),
        ok: z.boolean(),
        error: name.describe("Code of the error, when not ok.").optional(),
      })
      .array()
      .max(1_000)
      .describe("Tools that were used.")
      .optional(),
    citations: z
      .object({
        number: z.int().min(1).describe("As the text cites it: [1]."),
        documentId: id,
        collection: name.optional(),
        title: z.string().max(1_024).optional(),
        text: z.string().max(65_536).describe("The part that is cited.").optional(),
      })
      .array()
      .max(1_000)
      .describe("Documents that the text cites.")
      .optional(),
  }),
];
