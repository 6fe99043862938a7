import { matches } from "@vextir/api";
import type { HandlerDefinition } from "../driver/definition.ts";

const MAX_REMEMBERED = 1_024;

/** Finds the handler of a type: of those that match, the most exact one. */
export class Router {
  readonly #handlers: readonly HandlerDefinition[];
  readonly #found = new Map<string, HandlerDefinition | undefined>();

  constructor(handlers: readonly HandlerDefinition[], subscription: string) {
    this.#handlers = handlers
      .filter((handler) => handler.subscription === undefined || handler.subscription === subscription)
      .toSorted((a, b) => compareExactness(a, b));
  }

  find(type: string): HandlerDefinition | undefined {
    if (this.#found.has(type)) return this.#found.get(type);
    const handler = this.#handlers.find(({ pattern }) => matches(pattern, type));
    // Types are data of others: what is remembered of them is bounded.
    if (this.#found.size >= MAX_REMEMBERED) this.#found.clear();
    this.#found.set(type, handler);
    return handler;
  }
}

/** Most exact first: by part, a name before `*` before `>`; a handler bound to a subscription before one for all. */
function compareExactness(a: HandlerDefinition, b: HandlerDefinition): number {
  const left = a.pattern.split(".");
  const right = b.pattern.split(".");
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = rank(left[i]) - rank(right[i]);
    if (difference !== 0) return difference;
  }
  return Number(a.subscription === undefined) - Number(b.subscription === undefined);
}

function rank(part: string | undefined): number {
  if (part === ">") return 2;
  return part === "*" ? 1 : 0;
}
