import { z } from "zod";
import { entry } from "../entry.ts";
import { anything, count, fault, id, name, requestId, userId } from "../parts.ts";

const model = name.describe("Name of the model.");
const toolCalls = z.object({ id, name, arguments: anything }).array().max(1_000).optional();
const content = z.string().max(8_388_608);

export default [
  entry("llm.completion.requested", "A model is asked.", {
    model: model.optional(),
    messages: z
      .object({
        role: name.describe("system, user, assistant or tool."),
        content,
        name: name.optional(),
        toolCallId: id.optional(),
        toolCalls,
      })
      .array()
      .min(1)
      .max(10_000),
    tools: z
      .object({ name, description: z.string().max(65_536).optional(), input: anything.optional() })
      .array()
      .max(1_000)
      .optional(),
    temperature: z.number().min(0).optional(),
    maxTokens: count.optional(),
    userId,
  }),
  entry("llm.completion.completed", "A model answered.", {
    requestId,
    model,
    content,
    toolCalls,
    finishReason: name.describe("stop, length, tool_calls, …").optional(),
    usage: z.object({ inputTokens: count, outputTokens: count }).optional(),
    userId,
  }),
  entry("llm.completion.failed", "A model did not answer.", {
    requestId,
    model: model.optional(),
    error: fault,
    userId,
  }),
];
