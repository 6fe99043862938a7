import { z } from "zod";

/** Where a model is reached, by OpenAI's interface, which most providers speak. */
export interface Provider {
  /** As `https://api.openai.com/v1`. */
  endpoint: string;
  model: string;
  apiKey?: string | undefined;
}

/** The provider is away, or answered something else. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
}

const TIMEOUT_MS = 30_000;
const Embeddings = z.object({
  data: z.array(z.object({ index: z.int(), embedding: z.array(z.number()) })),
});

export interface EmbeddingModel {
  model: string;
  dimensions: number;
  /** @throws ProviderError */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<number[][]>;
}

export function embeddingModel(provider: Provider & { dimensions: number }): EmbeddingModel {
  const { model, dimensions } = provider;
  return {
    model,
    dimensions,
    embed: async (texts, signal) => {
      const response = await post(provider, "embeddings", { model, input: texts }, signal);
      const { data } = await checked(Embeddings, response);
      const vectors = data.sort((a, b) => a.index - b.index).map(({ embedding }) => embedding);
      if (vectors.length !== texts.length || vectors.some((vector) => vector.length !== dimensions))
        throw new ProviderError(
          `${model} answered ${vectors.length} vectors of ${vectors[0]?.length} dimensions: expected ${texts.length} of ${dimensions}`,
        );
      return vectors;
    },
  };
}

export interface ChatModel {
  model: string;
  /** Pieces of the answer. @throws ProviderError */
  answer(
    messages: readonly { role: "system" | "user"; content: string }[],
    signal: AbortSignal,
  ): AsyncIterable<string>;
}

const Piece = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.string().nullish() }).optional() })),
});

export function chatModel(provider: Provider): ChatModel {
  const { model } = provider;
  return {
    model,
    async *answer(messages, signal) {
      const response = await post(provider, "chat/completions", { model, messages, stream: true }, signal);
      if (!response.body) throw new ProviderError(`${model} answered nothing`);
      let rest = "";
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
        const lines = (rest + text).split("\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          const data = /^data: ?(.*)$/.exec(line.trimEnd())?.[1];
          if (!data || data === "[DONE]") continue;
          const content = pieceOf(model, data);
          if (content) yield content;
        }
      }
    },
  };
}

function pieceOf(model: string, data: string): string | null | undefined {
  try {
    return Piece.parse(JSON.parse(data)).choices[0]?.delta?.content;
  } catch (cause) {
    throw new ProviderError(`${model} answered what is no piece of an answer`, { cause });
  }
}

async function post(
  { endpoint, model, apiKey }: Provider,
  path: string,
  body: object,
  signal?: AbortSignal,
): Promise<Response> {
  const limits = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  try {
    const response = await fetch(`${endpoint.replace(/\/$/, "")}/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...(apiKey && { authorization: `Bearer ${apiKey}` }) },
      body: JSON.stringify(body),
      signal: AbortSignal.any(limits),
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw new ProviderError(`${model} answered with status ${response.status}`);
  } catch (cause) {
    if (cause instanceof ProviderError) throw cause;
    throw new ProviderError(`${model} does not answer: ${(cause as Error).message}`, { cause });
  }
}

async function checked<T>(schema: z.ZodType<T>, response: Response): Promise<T> {
  try {
    return schema.parse(await response.json());
  } catch (cause) {
    throw new ProviderError("the provider answered what was not asked for", { cause });
  }
}
