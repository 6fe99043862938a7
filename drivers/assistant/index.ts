import { AgentDriver, type Context, driver, type Event, on } from "@vextir/driver-runtime";
import { understand } from "./intents.ts";
import { ChatMessageReceived, type ChatMessageSent } from "./messages.ts";
import { replyTo } from "./replies.ts";

export { ChatMessageReceived, ChatMessageSent } from "./messages.ts";

/** Answers chat messages by fixed rules and the toolbox's tools; no language model yet. */
@driver({
  name: "assistant",
  version: "0.1.0",
  resources: { requests: { cpu: "10m", memory: "96Mi" } },
  class: "Agent",
  description: "Answers chat messages by rules: time in a place, conversion of units, statistics of a text.",
  capabilities: { publish: ["chat.message.sent"], call: ["toolbox.time", "toolbox.convert", "toolbox.text"] },
})
export default class Assistant extends AgentDriver {
  @on("chat.message.received", ChatMessageReceived)
  async answer(event: Event<ChatMessageReceived>, ctx: Context): Promise<void> {
    const { text, conversationId, userId } = event.data;
    const intent = understand(text);
    const reply = await replyTo(intent, ctx.call);
    const message: ChatMessageSent = {
      ...reply,
      inReplyTo: event.id,
      ...(conversationId && { conversationId }),
      ...(userId && { userId }),
    };
    await ctx.publish("chat.message.sent", message);
    ctx.log.info({ intent: intent.kind, tools: reply.tools }, "answered");
  }
}
