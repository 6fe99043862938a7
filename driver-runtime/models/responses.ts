import type OpenAI from "openai";
import type { Response, ResponseInputItem, ResponseStreamEvent } from "openai/resources/responses/responses";
import { DriverError } from "../errors.ts";
import type { ChatMessage } from "./model.ts";
import type { Asked, RawAnswer } from "./raw-answer.ts";

/** OpenAI's Responses API. Nothing is kept at the provider (`store: false`). */
export async function askResponses(client: OpenAI, asked: Asked): Promise<RawAnswer> {
  const { request, model, signal, onText, alive } = asked;
  const stream = await client.responses.create(
    {
      model,
      input: request.messages.flatMap(itemsOf),
      ...(request.tools?.length && {
        tools: request.tools.map(({ name, description, input }) => ({
          type: "function" as const,
          name,
          parameters: input,
          // Strict schemas are a subset of JSON Schema, which tools need not keep to.
          strict: false,
          ...(description !== undefined && { description }),
        })),
      }),
      ...(request.maxOutputTokens !== undefined && { max_output_tokens: request.maxOutputTokens }),
      ...(request.temperature !== undefined && { temperature: request.temperature }),
      store: false,
      stream: true,
    },
    { signal },
  );
  let final: Response | undefined;
  for await (const event of stream) {
    alive();
    if (event.type === "response.output_text.delta") onText(event.delta);
    final = ended(event, model) ?? final;
  }
  if (!final) throw new DriverError("Unavailable", `model "${model}" broke off in the middle of its answer`);
  return answerOf(final);
}

function itemsOf(message: ChatMessage): ResponseInputItem[] {
  if (message.role === "tool")
    return [{ type: "function_call_output", call_id: message.callId, output: message.text }];
  if (message.role !== "assistant") return [{ role: message.role, content: message.text }];
  const calls = (message.toolCalls ?? []).map(
    ({ id, name, arguments: text }): ResponseInputItem => ({
      type: "function_call",
      call_id: id,
      name,
      arguments: text,
    }),
  );
  return message.text ? [{ role: "assistant", content: message.text }, ...calls] : calls;
}

/** The whole answer, when the event brings it. @throws DriverError `Unavailable` when the provider gave up. */
function ended(event: ResponseStreamEvent, model: string): Response | undefined {
  if (event.type === "response.completed" || event.type === "response.incomplete") return event.response;
  if (event.type === "response.failed" || event.type === "error") {
    const said = event.type === "error" ? event.message : event.response.error?.message;
    throw new DriverError("Unavailable", `model "${model}" gave up: ${said ?? ""}`);
  }
  return undefined;
}

function answerOf({ output, usage, status, incomplete_details }: Response): RawAnswer {
  const parts = output.flatMap((item) => (item.type === "message" ? item.content : []));
  const text = parts.map((part) => (part.type === "output_text" ? part.text : "")).join("");
  const refusal = parts.map((part) => (part.type === "refusal" ? part.refusal : "")).join("");
  const toolCalls = output.flatMap((item) =>
    item.type === "function_call" ? [{ id: item.call_id, name: item.name, arguments: item.arguments }] : [],
  );
  const isRefused = refusal !== "" || incomplete_details?.reason === "content_filter";
  const rest = toolCalls.length > 0 ? "ToolCalls" : "Stop";
  return {
    text,
    toolCalls,
    finish: isRefused ? "Refused" : status === "incomplete" ? "Length" : rest,
    ...(refusal && { refusal }),
    inputTokens: usage?.input_tokens ?? 0,
    outputTokens: usage?.output_tokens ?? 0,
  };
}
