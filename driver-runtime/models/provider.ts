import type { ModelFile } from "@vextir/api";
import { modelEndpoint } from "@vextir/api";
import OpenAI from "openai";
import { askChatCompletions } from "./chat-completions.ts";
import type { Asked, RawAnswer } from "./raw-answer.ts";
import { askResponses } from "./responses.ts";

export { failureOf } from "./failures.ts";

/** Loaded at the first request: the client's code is a megabyte. */
export class Provider {
  readonly #info: ModelFile;
  readonly #client: OpenAI;

  /** `key` is asked for at each request. */
  constructor(info: ModelFile, key: () => Promise<string>) {
    this.#info = info;
    this.#client = new OpenAI({
      baseURL: modelEndpoint(info),
      apiKey: key,
      // Nothing that stands in the environment by chance is sent along.
      organization: null,
      project: null,
      maxRetries: 0,
      timeout: info.timeoutSeconds * 1e3,
      logLevel: "off",
      // Read at each request: the egress proxy's way is put in place before the driver's code runs.
      fetch: (url, init) => globalThis.fetch(url, init),
    });
  }

  ask(asked: Asked): Promise<RawAnswer> {
    const { provider, api = provider === "OpenAI" ? "Responses" : "ChatCompletions" } = this.#info;
    return api === "Responses" ? askResponses(this.#client, asked) : askChatCompletions(this.#client, asked);
  }

  async embed(texts: readonly string[], signal: AbortSignal) {
    const { model, dimensions } = this.#info;
    const { data, usage } = await this.#client.embeddings.create(
      { model, input: [...texts], encoding_format: "float", ...(dimensions !== undefined && { dimensions }) },
      { signal },
    );
    const vectors = data.toSorted((a, b) => a.index - b.index).map(({ embedding }) => embedding);
    return { vectors, inputTokens: usage?.prompt_tokens ?? 0 };
  }
}
