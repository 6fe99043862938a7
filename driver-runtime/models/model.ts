import type { ModelFile } from "@vextir/api";

/** A granted model. Keys are read at each request, so that a renewed one is used at once. */
export interface Model {
  readonly name: string;
  /** Its spec and labels, without the key. */
  readonly info: Readonly<ModelFile>;
  /**
   * Asks a model of kind Chat. Bad luck (rate limits, 5xx, lost connections) is tried again up to twice, as long as nothing was
   * passed to `onText`.
   *
   * @throws DriverError `InvalidConfig` (the key is refused, the model is unknown to its provider, the kind is another), `InvalidInput`,
   * `TooLarge` (more than the context window), `Overloaded` (its own or the provider's limits; see `retryAfterMsOf`), `Unavailable`,
   * `Timeout` (no sign of life for `timeoutSeconds`), `InvalidOutput` (what came was no answer), `Closed` (`signal` was aborted).
   */
  chat(request: ChatRequest, options?: ModelOptions): Promise<ChatAnswer>;
  /** One vector per text, by a model of kind Embedding. @throws DriverError as `chat` does. */
  embed(texts: readonly string[], options?: Omit<ModelOptions, "onText">): Promise<number[][]>;
}

export interface ModelOptions {
  signal?: AbortSignal;
  /** On whose behalf; limits per user hold for it. The provider is not told. */
  userId?: string | undefined;
  /** Told each piece of the answer's text as it arrives. */
  onText?: (delta: string) => void;
}

export interface ChatRequest {
  messages: readonly ChatMessage[];
  tools?: readonly ChatTool[];
  /** Default: the model's `maxOutputTokens`. */
  maxOutputTokens?: number;
  temperature?: number;
}

export type ChatMessage =
  | { role: "system" | "user"; text: string }
  | { role: "assistant"; text?: string; toolCalls?: readonly ToolCall[] }
  | { role: "tool"; callId: string; text: string };

/** A function that the model may ask for. */
export interface ChatTool {
  /** Letters, digits, `_` and `-`, at most 64. */
  name: string;
  description?: string | undefined;
  /** JSON Schema of the arguments. */
  input: Record<string, unknown>;
}

export interface ToolCall {
  id: string;
  name: string;
  /** JSON as the model wrote it; it may be none. */
  arguments: string;
}

export interface ChatAnswer {
  text: string;
  toolCalls: ToolCall[];
  /** `Length`: the answer was cut off; `Refused`: the model or the provider's filter declined, see `refusal`. */
  finish: "Stop" | "ToolCalls" | "Length" | "Refused";
  refusal?: string;
  usage: Usage;
  /** Name of the Model that answered. */
  model: string;
}

export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** US dollars by the Model's price; absent without one. */
  dollars?: number;
}

/** What a driver needs of a model; all of it must hold. */
export interface ModelNeed {
  /** Default: Chat. */
  kind?: ModelFile["kind"];
  labels?: Readonly<Record<string, string>>;
  features?: readonly ModelFile["features"][number][];
  /** Least tokens; a model that doesn't say how many it has is not taken. */
  contextWindow?: number;
  /** Most that a million tokens in may cost; a model without a price is not taken. */
  maxInputDollars?: number;
}

export interface Models {
  /** Names of the granted models that are there, in the order of `spec.capabilities.models`. */
  readonly names: readonly string[];
  /** @throws DriverError `NotGranted`, or `NotFound` when it is granted and there is no such Model. */
  get(name: string): Model;
  /** Those that fit, in the order of the grant: the first is the first choice, the others are its fallbacks. @throws DriverError `NotFound`. */
  choose(need?: ModelNeed): Model[];
}
