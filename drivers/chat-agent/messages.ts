import { z } from "zod";

const Id = z.string().min(1).max(256);

/** Somebody said something: `chat.message.received`. */
export const ChatMessageReceived = z.object({
  text: z.string().min(1).max(65_536),
  conversationId: Id.optional().describe("Comes back with the answer; messages of one are remembered."),
  userId: Id.optional().describe("Who says it; comes back with the answer."),
  channel: z.string().min(1).max(256).optional().describe("Comes back with the answer."),
});
export type ChatMessageReceived = z.infer<typeof ChatMessageReceived>;

/** An answer under way is no longer wanted: `chat.cancel`. */
export const ChatCancel = z.object({
  messageId: Id.optional().describe("Id of the event that is being answered."),
  conversationId: Id.optional(),
});

/** A tool that was used. */
export interface ToolUse {
  /** `<driver>.<method>` */
  name: string;
  ok: boolean;
  /** Code of the error, when not ok. */
  error?: string;
}

/** A part of a document that an answer cites. */
export interface Citation {
  /** As the text has it in brackets. */
  number: number;
  documentId: string;
  collection: string;
  title?: string;
  text: string;
}

/** What is answered: `chat.message.sent`. */
export interface ChatMessageSent {
  text: string;
  inReplyTo: string;
  tools: ToolUse[];
  /** Absent: the text cites none. */
  citations?: Citation[];
  conversationId?: string;
  userId?: string;
  channel?: string;
}
