import { z } from "zod";

/** Somebody said something: `chat.message.received`. */
export const ChatMessageReceived = z.object({
  text: z.string().min(1).max(8_000),
  conversationId: z.string().min(1).max(200).optional().describe("Comes back with the answer."),
  userId: z.string().min(1).max(200).optional().describe("Who says it; comes back with the answer."),
});
export type ChatMessageReceived = z.infer<typeof ChatMessageReceived>;

/** What the assistant answers: `chat.message.sent`. */
export const ChatMessageSent = z.object({
  text: z.string(),
  inReplyTo: z.string().describe("Id of the event that is answered."),
  tools: z.array(
    z.object({
      name: z.string().describe("<driver>.<method>"),
      ok: z.boolean(),
      error: z.string().optional().describe("Code of the error, when not ok."),
    }),
  ),
  conversationId: z.string().optional(),
  userId: z.string().optional(),
});
export type ChatMessageSent = z.infer<typeof ChatMessageSent>;
