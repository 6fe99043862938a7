import type { ChatAnswer, ChatRequest } from "./model.ts";

/** A request as either of OpenAI's APIs is asked it. */
export interface Asked {
  /** The provider's name of the model. */
  model: string;
  request: ChatRequest;
  signal: AbortSignal;
  onText: (delta: string) => void;
  /** To be called at every sign of life. */
  alive: () => void;
}

export interface RawAnswer extends Omit<ChatAnswer, "usage" | "model"> {
  inputTokens: number;
  outputTokens: number;
}
