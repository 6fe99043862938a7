import type { ChatAnswer, ChatMessage, ChatRequest } from "@vextir/driver-runtime";
import type { Config } from "./config.ts";
import type { ToolUse } from "./messages.ts";
import { type NamedTools, type ResultLimits, runToolCall } from "./tool-calls.ts";

export type AskModel = (request: ChatRequest) => Promise<ChatAnswer>;

export interface TurnParts {
  config: Pick<Config, "maxSteps" | "maxDollars">;
  tools: NamedTools;
  limits: ResultLimits;
  ask: AskModel;
}

export interface Turn {
  text: string;
  tools: ToolUse[];
  /** `Steps` and `Dollars`: the bound was reached, and the model had to answer with what it had. */
  end: "Answered" | "Length" | "Refused" | "Steps" | "Dollars";
  steps: number;
  dollars: number;
}

/** Beyond it calls of one step wait. */
const PARALLEL = 8;
const NO_MORE =
  "You can use no more tools. Answer now with what you have, and say what you could not find out.";

/** Asks the model, runs the tools that it asks for, tells it what came of them, and so on until it answers. */
export async function takeTurn(text: string, parts: TurnParts): Promise<Turn> {
  const { config, tools, ask } = parts;
  const said: ChatMessage[] = [{ role: "user", text }];
  const uses: ToolUse[] = [];
  let dollars = 0;
  for (let steps = 1; ; steps++) {
    const bound = boundOf(steps, dollars, config);
    const request: ChatRequest = bound
      ? { messages: [...said, { role: "system", text: NO_MORE }] }
      : { messages: said, ...(tools.size > 0 && { tools: tools.offered }) };
    const answer = await ask(request);
    dollars += answer.usage.dollars ?? 0;
    if (bound || answer.finish !== "ToolCalls")
      return { ...ending(answer), ...(bound && { end: bound }), tools: uses, steps, dollars };
    said.push({ role: "assistant", text: answer.text, toolCalls: answer.toolCalls });
    for (let i = 0; i < answer.toolCalls.length; i += PARALLEL) {
      const calls = answer.toolCalls.slice(i, i + PARALLEL);
      const results = await Promise.all(calls.map((call) => runToolCall(tools, call, parts.limits)));
      for (const [index, { use, text }] of results.entries()) {
        uses.push(use);
        said.push({ role: "tool", callId: calls[index]?.id ?? "", text });
      }
    }
  }
}

/** The last step is for an answer alone. */
function boundOf(step: number, dollars: number, { maxSteps, maxDollars }: TurnParts["config"]) {
  if (maxDollars !== undefined && dollars >= maxDollars) return "Dollars";
  return step >= maxSteps && maxSteps > 1 ? "Steps" : undefined;
}

function ending({ text, finish, refusal }: ChatAnswer): Pick<Turn, "text" | "end"> {
  if (finish === "Refused") return { text: refusal || text || "I can't help with that.", end: "Refused" };
  if (finish === "Length") return { text: `${text}… (the answer was cut off)`, end: "Length" };
  return { text: text || "I have nothing to say to that.", end: "Answered" };
}
