import { hash } from "node:crypto";
import {
  AgentDriver,
  type ChatMessage,
  type Context,
  DriverError,
  driver,
  type Event,
  type Model,
  type ModelOptions,
  on,
  RetryableError,
  retryAfterMsOf,
  userOf,
} from "@vextir/driver-runtime";
import { ask, candidates } from "./ask.ts";
import { Config } from "./config.ts";
import {
  type Conversation,
  condense,
  conversationKey,
  EMPTY,
  historyOf,
  type Place,
  recall,
  remember,
  split,
} from "./conversation.ts";
import { Knowledge } from "./knowledge.ts";
import {
  ChatCancel,
  ChatMessageReceived,
  type ChatMessageSent,
  type Citation,
  type ToolUse,
} from "./messages.ts";
import { NamedTools } from "./tool-calls.ts";
import { type AskModel, takeTurn } from "./turn.ts";
import { UnderWay } from "./under-way.ts";

/** What lasts is told to whoever asked; what passes is tried again later. */
const PASSING = new Set(["Overloaded", "Unavailable", "Timeout", "Closed"]);
const SUMMARISE =
  "Summarise the conversation so far in at most 200 words: facts, wishes, decisions and open questions.";

/** Answers chat messages by a language model, with the tools that it is granted. */
@driver({
  name: "chat-agent",
  version: "0.1.0",
  class: "Agent",
  description: "Answers chat messages by a granted model, with granted tools, and remembers conversations.",
  config: Config,
  capabilities: { publish: ["chat.message.sent"], state: true },
})
export default class ChatAgent extends AgentDriver<typeof Config> {
  readonly #underWay = new UnderWay();
  #searches: ReturnType<typeof this.metrics.counter<"outcome">> | undefined;

  override start(): void {
    if (this.context.may("search"))
      this.#searches = this.metrics.counter(
        "vextir_chat_context_searches_total",
        "Searches in the context hub by outcome: Found, Nothing, or the error's code.",
        ["outcome"],
      );
    try {
      this.observe<unknown>("chat.cancel", ({ data, userId }) => {
        const cancel = ChatCancel.safeParse(data).data;
        if (cancel && this.#underWay.cancel(cancel, userId) > 0) this.log.info("an answer was cancelled");
      });
    } catch (error) {
      if (!(error instanceof DriverError && error.code === "NotGranted")) throw error;
      this.log.info("answers can't be cancelled: spec.capabilities.observe lacks chat.cancel");
    }
  }

  @on("chat.message.received", ChatMessageReceived)
  async answer(event: Event<ChatMessageReceived>, ctx: Context): Promise<void> {
    const key = keyOf(event);
    // The answer is made once, and what was made is sent once: a redelivered message is not answered twice.
    const { id, message } = await ctx.once(`answer.${key}`, async (idempotencyKey) => ({
      id: idempotencyKey,
      message: await this.#messageFor(event, ctx),
    }));
    await ctx.once(`sent.${key}`, async () => {
      await ctx.publish("chat.message.sent", message, { id, messageId: id });
    });
    await this.#condense(event, ctx);
  }

  async #messageFor(event: Event<ChatMessageReceived>, ctx: Context): Promise<ChatMessageSent> {
    const { conversationId, userId, channel } = event.data;
    const underWay = this.#underWay.begin({ messageId: event.id, conversationId, userId: event.userId });
    const reply = await this.#reply(event, ctx, underWay.signal).finally(underWay.end);
    const { text, tools, citations } = reply;
    return {
      ...{ text, tools, inReplyTo: event.id },
      ...(citations.length > 0 && { citations }),
      ...(conversationId !== undefined && { conversationId }),
      ...(userId !== undefined && { userId }),
      ...(channel !== undefined && { channel }),
    };
  }

  async #reply(event: Event<ChatMessageReceived>, ctx: Context, cancelled: AbortSignal): Promise<Reply> {
    const timeout = AbortSignal.timeout(this.config.maxSeconds * 1e3);
    const signal = AbortSignal.any([ctx.signal, cancelled, timeout]);
    try {
      return await this.#think(event, ctx, signal);
    } catch (error) {
      if (cancelled.aborted) return withoutTools("(cancelled)");
      ctx.signal.throwIfAborted();
      if (timeout.aborted) return withoutTools(`I gave up after ${this.config.maxSeconds} seconds.`);
      if (!(error instanceof DriverError)) throw error;
      ctx.log.warn({ err: error }, "no answer");
      if (PASSING.has(error.code)) throw retryable(error);
      return withoutTools(`I can't answer now: ${error.message}`);
    }
  }

  async #think(event: Event<ChatMessageReceived>, ctx: Context, signal: AbortSignal): Promise<Reply> {
    const { config } = this;
    const [granted, { knowledge, found }] = await Promise.all([
      this.tools.list({ signal, call: ctx.call }),
      this.#lookUp(event, ctx, signal),
    ]);
    const search = knowledge && (granted.length > 0 || this.#hasToolModel) ? [knowledge.tool] : [];
    const tools = new NamedTools([...granted, ...search]);
    const models = candidates(this.models, config.model, tools.size > 0);
    const { text } = event.data;
    const place = this.#placeOf(event, ctx);
    const topic = `answer.${topicOf(event)}`;
    let index = 0;
    const options = {
      ...{ signal, userId: event.userId },
      onText: (delta: string) => ctx.live(topic, { messageId: event.id, index: index++, delta }),
    };
    const turn = await takeTurn(text, {
      ...{ config, tools },
      ask: this.#withPast(
        place ? await recall(place, Date.now()) : EMPTY,
        found,
        this.#asking(models, options, ctx),
      ),
      limits: {
        signal,
        timeoutMs: config.toolSeconds * 1e3,
        maxCharacters: config.maxToolResultCharacters,
      },
    });
    const { end, steps, dollars } = turn;
    ctx.log.info({ end, steps, tools: turn.tools.length, ...(dollars > 0 && { dollars }) }, "answered");
    if (place) await this.#keep(place, { said: text, answered: turn.text }, ctx);
    return { text: turn.text, tools: turn.tools, citations: knowledge?.citedIn(turn.text) ?? [] };
  }

  /** What the user's documents say of the message. Without the hub the answer is made without it. */
  async #lookUp(
    event: Event<ChatMessageReceived>,
    ctx: Context,
    signal: AbortSignal,
  ): Promise<{ knowledge?: Knowledge; found: ChatMessage[] }> {
    const hub = ctx.context;
    if (!hub.may("search")) return { found: [] };
    const config = this.config.context;
    const counted = (outcome: string) => this.#searches?.inc({ outcome });
    try {
      const user = whoseDocuments(event, config, counted);
      const knowledge = new Knowledge({ hub, user, config, signal, counted });
      return { knowledge, found: await knowledge.lookUp(event.data.text) };
    } catch (err) {
      signal.throwIfAborted();
      if (!(err instanceof DriverError)) throw err;
      ctx.log.warn({ err }, "the answer is made without the user's documents");
      return { found: [] };
    }
  }

  /** Whether a model that may answer takes tools at all. */
  get #hasToolModel(): boolean {
    const { model } = this.config;
    const names = model === undefined ? this.models.names : [model];
    return names
      .map((name) => this.models.get(name).info)
      .some(({ kind, features }) => kind === "Chat" && features.includes("Tools"));
  }

  #asking(models: readonly Model[], options: ModelOptions, { log }: Context): AskModel {
    return (request) =>
      ask(models, request, options, (model, err) =>
        log.warn({ model: model.name, err }, "another model is asked"),
      );
  }

  /**
   * Tells the model the persona, the past and what was found before what it is asked: less and less of the past, and at last nothing of
   * what was found, where all of it is more than it takes.
   */
  #withPast(past: Conversation, found: readonly ChatMessage[], askModel: AskModel): AskModel {
    let rest = past;
    let known = found;
    return async (request) => {
      for (;;) {
        const before: ChatMessage[] = [{ role: "system", text: this.config.persona }, ...historyOf(rest)];
        try {
          return await askModel({ ...request, messages: [...before, ...known, ...request.messages] });
        } catch (error) {
          const isTooLong = error instanceof DriverError && error.code === "TooLarge";
          const hasPast = historyOf(rest).length > 0;
          if (!isTooLong || !(hasPast || known.length > 0)) throw error;
          if (hasPast) rest = split(rest).rest;
          else known = [];
        }
      }
    };
  }

  /** Undefined: nothing is remembered. */
  #placeOf({ userId, data }: Event<ChatMessageReceived>, { state }: Context): Place | undefined {
    const { memory } = this.config;
    if (data.conversationId === undefined || memory.turns === 0) return undefined;
    return { state, memory, key: conversationKey(userId, data.conversationId) };
  }

  /** That the answer is remembered matters less than that it is given. */
  async #keep(place: Place, turn: Conversation["turns"][number], { log }: Context): Promise<void> {
    try {
      await remember(place, turn, Date.now());
    } catch (err) {
      log.warn({ err }, "the conversation could not be kept");
    }
  }

  /** Behind the answer, which nobody is to wait for longer. What goes wrong is tried again behind the next one. */
  async #condense(event: Event<ChatMessageReceived>, ctx: Context): Promise<void> {
    const place = this.#placeOf(event, ctx);
    if (!place) return;
    const summarise = async (older: Conversation) => {
      const signal = AbortSignal.any([ctx.signal, AbortSignal.timeout(this.config.maxSeconds * 1e3)]);
      const models = candidates(this.models, this.config.model, false);
      const askModel = this.#asking(models, { signal, userId: event.userId }, ctx);
      const { text } = await askModel({
        messages: [...historyOf(older), { role: "user", text: SUMMARISE }],
      });
      return text;
    };
    try {
      await condense(place, summarise);
    } catch (err) {
      ctx.log.warn({ err }, "the conversation could not be summarised");
    }
  }
}

interface Reply {
  text: string;
  tools: ToolUse[];
  citations: Citation[];
}

const withoutTools = (text: string): Reply => ({ text, tools: [], citations: [] });

/** @throws DriverError as `userOf` does */
function whoseDocuments(event: Event, trust: Config["context"], counted: (outcome: string) => void): string {
  try {
    return userOf(event, trust);
  } catch (error) {
    counted((error as DriverError).code);
    throw error;
  }
}

/** Ids are their sources' own, and anybody's to choose: by the id alone one user would be given what another was answered. */
const keyOf = ({ publisher, source, id, userId }: Event) =>
  hash("sha256", JSON.stringify([publisher, source, id, userId ?? null]), "hex");

/** The conversation's, or the message's own. */
const topicOf = ({ id, data }: Event<ChatMessageReceived>) =>
  hash("sha256", data.conversationId ?? id, "hex").slice(0, 32);

function retryable(error: DriverError): RetryableError {
  const retryAfterMs = retryAfterMsOf(error);
  return new RetryableError(error.message, {
    cause: error,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  });
}
