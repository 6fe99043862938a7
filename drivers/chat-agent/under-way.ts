import type { z } from "zod";
import type { ChatCancel } from "./messages.ts";

/** An answer that is being made. */
interface Answering {
  messageId: string;
  conversationId: string | undefined;
  userId: string | undefined;
  abort: AbortController;
}

/** Thrown through the work of an answer that is no longer wanted. */
export class CancelledError extends Error {
  override readonly name = "CancelledError";
  constructor() {
    super("the answer is no longer wanted");
  }
}

/** The answers that this pod is making, so that they can be cancelled. */
export class UnderWay {
  readonly #answers = new Set<Answering>();

  begin(about: Omit<Answering, "abort">): { signal: AbortSignal; end: () => void } {
    const answering = { ...about, abort: new AbortController() };
    this.#answers.add(answering);
    return { signal: answering.abort.signal, end: () => this.#answers.delete(answering) };
  }

  /** Only the user whose message it is may cancel. Answers how many were. */
  cancel({ messageId, conversationId }: z.infer<typeof ChatCancel>, userId: string | undefined): number {
    const meant = [...this.#answers].filter(
      (answering) =>
        answering.userId === userId &&
        (messageId !== undefined || conversationId !== undefined) &&
        (messageId === undefined || answering.messageId === messageId) &&
        (conversationId === undefined || answering.conversationId === conversationId),
    );
    for (const { abort } of meant) abort.abort(new CancelledError());
    return meant.length;
  }
}
