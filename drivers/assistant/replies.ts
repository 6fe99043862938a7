import { type Call, DriverError } from "@vextir/driver-runtime";
import { z } from "zod";
import type { Intent } from "./intents.ts";
import type { ChatMessageSent } from "./messages.ts";

export type Reply = Pick<ChatMessageSent, "text" | "tools">;

/** A person waits for the answer. */
const TOOL_TIMEOUT_MS = 10_000;

const EXAMPLES = [
  '"what time is it in Tokyo?"',
  '"convert 5 miles to km"',
  '"count the words in “to be or not to be”"',
];
export const HELP = `I follow a few fixed rules: there is no language model behind me yet. Try ${EXAMPLES.join(", or ")}.`;

/** What each tool's answer must have for the sentence made of it. */
const Time = z.object({ text: z.string(), zone: z.string(), offset: z.string() });
const Converted = z.object({ text: z.string() });
const Statistics = z.object({
  words: z.number(),
  sentences: z.number(),
  characters: z.number(),
  readingTimeSeconds: z.number(),
});

/** Answers an intent, by a tool where it needs one. A tool's failure becomes an answer that says what to do. */
export async function replyTo(intent: Intent, call: Call): Promise<Reply> {
  switch (intent.kind) {
    case "time":
      return byTool(
        call,
        "toolbox.time",
        { zone: intent.zone },
        Time,
        (time) => `${time.text} in ${time.zone} (UTC${time.offset}).`,
      );
    case "convert": {
      const { value, from, to } = intent;
      return byTool(call, "toolbox.convert", { value, from, to }, Converted, ({ text }) => `${text}.`);
    }
    case "count":
      return byTool(call, "toolbox.text", { text: intent.text }, Statistics, describe);
    case "help":
      return { text: HELP, tools: [] };
    case "unknown":
      return { text: `I did not understand that. ${HELP}`, tools: [] };
  }
}

function describe({ words, sentences, characters, readingTimeSeconds }: z.infer<typeof Statistics>): string {
  const counts = `${plural(words, "word")}, ${plural(sentences, "sentence")} and ${plural(characters, "character")}`;
  return `That is ${counts}; reading it takes about ${plural(readingTimeSeconds, "second")}.`;
}

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;

async function byTool<T>(
  call: Call,
  name: string,
  input: unknown,
  output: z.ZodType<T>,
  say: (answer: T) => string,
): Promise<Reply> {
  try {
    const answer = await call(name, input, { output, timeoutMs: TOOL_TIMEOUT_MS });
    return { text: say(answer), tools: [{ name, ok: true }] };
  } catch (error) {
    // Whatever is no error of the call itself is a fault of ours: the event is tried again.
    if (!(error instanceof DriverError) || error.code === "Closed") throw error;
    return { text: explain(name, error), tools: [{ name, ok: false, error: error.code }] };
  }
}

/** What went wrong, for the person who asked. */
function explain(tool: string, error: DriverError): string {
  switch (error.code) {
    case "InvalidInput":
    case "CallFailed":
      return `I could not do that: ${error.message}.`;
    case "NotGranted":
      return `I am not allowed to use ${tool}: grant it in my Driver's capabilities.call.`;
    case "NotFound":
      return `There is no tool ${tool} here: install the driver that offers it.`;
    case "Timeout":
    case "Unavailable":
    case "Overloaded":
      return `The tool ${tool} does not answer at the moment. Please ask me again in a little while.`;
    default:
      return `The tool ${tool} failed (${error.code}). Please ask me again, or something else.`;
  }
}
