import type OpenAI from "openai";
import type { ChatCompletionChunk, ChatCompletionMessageParam } from "openai/resources/chat/completions";
import { DriverError } from "../errors.ts";
import type { ChatMessage, ChatRequest, ToolCall } from "./model.ts";
import type { Asked, RawAnswer } from "./raw-answer.ts";

/** OpenAI's Chat Completions API, which nearly every other provider speaks too. */
export async function askChatCompletions(client: OpenAI, asked: Asked): Promise<RawAnswer> {
  const { request, model, signal, onText, alive } = asked;
  const stream = await client.chat.completions.create(
    {
      model,
      messages: request.messages.map(messageOf),
      ...(request.tools?.length && { tools: request.tools.map(toolOf) }),
      ...(request.maxOutputTokens !== undefined && { max_completion_tokens: request.maxOutputTokens }),
      ...(request.temperature !== undefined && { temperature: request.temperature }),
      stream: true,
      stream_options: { include_usage: true },
    },
    { signal },
  );
  const answer = new Gathering();
  for await (const chunk of stream) {
    alive();
    const text = answer.take(chunk);
    if (text) onText(text);
  }
  return answer.done(model);
}

function messageOf(message: ChatMessage): ChatCompletionMessageParam {
  if (message.role === "tool") return { role: "tool", tool_call_id: message.callId, content: message.text };
  if (message.role !== "assistant") return { role: message.role, content: message.text };
  const tool_calls = message.toolCalls?.map(({ id, name, arguments: text }) => ({
    id,
    type: "function" as const,
    function: { name, arguments: text },
  }));
  return { role: "assistant", content: message.text ?? null, ...(tool_calls?.length && { tool_calls }) };
}

const toolOf = ({ name, description, input }: NonNullable<ChatRequest["tools"]>[number]) => ({
  type: "function" as const,
  function: { name, parameters: input, ...(description !== undefined && { description }) },
});

/** Most calls that are taken from one answer, and bytes of all their arguments: a stream may be hostile. */
const MAX_CALLS = 64;
const MAX_CHARACTERS = 4 * 2 ** 20;

class Gathering {
  #text = "";
  #refusal = "";
  #finish: string | undefined;
  #usage: ChatCompletionChunk["usage"];
  #calls = new Map<number, ToolCall>();
  #characters = 0;

  /** The text that the chunk adds. */
  take(chunk: ChatCompletionChunk): string {
    this.#usage = chunk.usage ?? this.#usage;
    const [choice] = Array.isArray(chunk.choices) ? chunk.choices : [];
    if (!choice) return "";
    const { delta = {}, finish_reason } = choice;
    this.#finish = finish_reason ?? this.#finish;
    for (const part of delta.tool_calls ?? []) this.#takeCall(part);
    const text = typeof delta.content === "string" ? delta.content : "";
    this.#count(text.length + (delta.refusal?.length ?? 0));
    this.#text += text;
    this.#refusal += delta.refusal ?? "";
    return text;
  }

  #takeCall({ index = 0, id, function: called }: ChatCompletionChunk.Choice.Delta.ToolCall): void {
    const call = this.#calls.get(index) ?? { id: "", name: "", arguments: "" };
    call.id ||= id ?? "";
    call.name += called?.name ?? "";
    call.arguments += called?.arguments ?? "";
    this.#count(called?.arguments?.length ?? 0);
    if (!this.#calls.has(index) && this.#calls.size >= MAX_CALLS)
      throw new DriverError("InvalidOutput", `the model asked for more than ${MAX_CALLS} tools at once`);
    this.#calls.set(index, call);
  }

  #count(characters: number): void {
    this.#characters += characters;
    if (this.#characters > MAX_CHARACTERS)
      throw new DriverError("InvalidOutput", `the model's answer has more than ${MAX_CHARACTERS} characters`);
  }

  done(model: string): RawAnswer {
    if (this.#finish === undefined)
      throw new DriverError("Unavailable", `model "${model}" broke off in the middle of its answer`);
    const toolCalls = [...this.#calls].map(([index, call]) => ({ ...call, id: call.id || `call-${index}` }));
    return {
      text: this.#text,
      toolCalls,
      finish: finishOf(this.#finish, this.#refusal, toolCalls),
      ...(this.#refusal && { refusal: this.#refusal }),
      inputTokens: this.#usage?.prompt_tokens ?? 0,
      outputTokens: this.#usage?.completion_tokens ?? 0,
    };
  }
}

function finishOf(reason: string, refusal: string, calls: readonly ToolCall[]): RawAnswer["finish"] {
  if (refusal || reason === "content_filter") return "Refused";
  if (reason === "length") return "Length";
  return calls.length > 0 ? "ToolCalls" : "Stop";
}
