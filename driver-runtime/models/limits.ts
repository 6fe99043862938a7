import { createHash } from "node:crypto";
import type { ModelFile, ModelLimits } from "@vextir/api";
import type { DriverError } from "../errors.ts";
import { type CountStore, Counts } from "./counts.ts";
import type { Usage } from "./model.ts";
import { overloaded } from "./overload.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WINDOWS = { minute: MINUTE_MS, day: DAY_MS } as const;
type Window = keyof typeof WINDOWS;

/** What was used within a window. */
interface Used {
  window: number;
  requests: number;
  tokens: number;
  dollars: number;
}

const LEVEL = "models";

/**
 * Keeps a Model's `limits`: fixed windows of a minute and of a day (UTC), counted over all pods of the driver where it has
 * `capabilities.state`, else in each pod. A request is counted before it is made, its tokens and costs when they are known: of
 * requests that are under way at once each may go beyond what is left.
 */
export class LimitKeeper {
  readonly #counts: Counts<Used>;
  readonly #now: () => number;

  constructor(store: CountStore, now: () => number = Date.now) {
    this.#counts = new Counts(store);
    this.#now = now;
  }

  /** @throws DriverError `Overloaded`, with the time until the window's end. */
  async admit({ name, limits }: ModelFile, userId: string | undefined): Promise<void> {
    if (!limits) return;
    for (const [who, bound] of scopesOf(limits, userId)) {
      for (const window of windowsOf(bound)) {
        await this.#change(keyOf(name, who, window), window, (before) => {
          const problem = excess(bound, window, before);
          if (problem) throw this.#refusal(name, who, window, problem);
          return { ...before, requests: before.requests + 1 };
        });
      }
    }
  }

  async record({ name, limits }: ModelFile, userId: string | undefined, usage: Usage): Promise<void> {
    if (!limits) return;
    const { inputTokens, outputTokens, dollars = 0 } = usage;
    for (const [who, bound] of scopesOf(limits, userId))
      for (const window of windowsOf(bound))
        await this.#change(keyOf(name, who, window), window, (before) => ({
          ...before,
          tokens: before.tokens + inputTokens + outputTokens,
          dollars: before.dollars + dollars,
        }));
  }

  #refusal(model: string, who: string, window: Window, problem: string): DriverError {
    const now = this.#now();
    const untilEnd = WINDOWS[window] - (now % WINDOWS[window]);
    const whose = who === "" ? "" : " of the user";
    return overloaded(`model "${model}": the limit${whose} of ${problem} is reached`, untilEnd);
  }

  #change(key: string, window: Window, change: (used: Used) => Used): Promise<void> {
    const current = Math.floor(this.#now() / WINDOWS[window]);
    return this.#counts.change(key, (before) =>
      change(before?.window === current ? before : { ...NOTHING, window: current }),
    );
  }
}

const NOTHING = { requests: 0, tokens: 0, dollars: 0 };

/** The user, then everybody together: who is beyond a limit of their own is to use up nothing of the others'. */
function scopesOf({ perUser, ...all }: NonNullable<ModelFile["limits"]>, userId: string | undefined) {
  const everybody: [who: string, bound: ModelLimits] = ["", all];
  const user: (typeof everybody)[] = perUser && userId !== undefined ? [[hashOf(userId), perUser]] : [];
  return [...user, everybody];
}

function windowsOf(bound: ModelLimits): Window[] {
  const isByMinute = bound.requestsPerMinute !== undefined || bound.tokensPerMinute !== undefined;
  return [...(isByMinute ? ["minute" as const] : []), ...(bound.dollarsPerDay ? ["day" as const] : [])];
}

function excess(bound: ModelLimits, window: Window, used: Used): string | undefined {
  const { requestsPerMinute, tokensPerMinute, dollarsPerDay } = bound;
  if (window === "day")
    return dollarsPerDay !== undefined && used.dollars >= Number(dollarsPerDay)
      ? `${dollarsPerDay} dollars a day`
      : undefined;
  if (requestsPerMinute !== undefined && used.requests >= requestsPerMinute)
    return `${requestsPerMinute} requests a minute`;
  if (tokensPerMinute !== undefined && used.tokens >= tokensPerMinute)
    return `${tokensPerMinute} tokens a minute`;
  return undefined;
}

/** Users' names are personal, and any text. */
const hashOf = (userId: string) => createHash("sha256").update(userId).digest("hex").slice(0, 32);
const keyOf = (model: string, who: string, window: Window) =>
  [LEVEL, model.replaceAll(".", "_"), window, ...(who ? [who] : [])].join(".");
