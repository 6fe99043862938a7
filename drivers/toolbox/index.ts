import { driver, ToolDriver, tool } from "@vextir/driver-runtime";
import type { z } from "zod";
import { ConvertInput, ConvertOutput, convert } from "./conversion.ts";
import { TextInput, TextOutput, textStatistics } from "./text-statistics.ts";
import { TimeInput, TimeOutput, timeIn } from "./zoned-time.ts";

/** Small tools that need nothing but their input. */
@driver({
  name: "toolbox",
  version: "0.1.0",
  resources: { requests: { cpu: "10m", memory: "96Mi" } },
  class: "Tool",
  description: "Time in a zone, conversion of units, statistics of a text.",
})
export default class Toolbox extends ToolDriver {
  @tool({
    description:
      "Tells the date and time in a time zone or well-known city, now or at a given instant, with the offset from UTC.",
    input: TimeInput,
    output: TimeOutput,
  })
  time({ zone, at }: z.infer<typeof TimeInput>) {
    return timeIn(zone, at === undefined ? new Date() : new Date(at));
  }

  @tool({
    description:
      "Converts an amount from one unit to another of the same dimension: length, mass, temperature, volume, speed or data.",
    input: ConvertInput,
    output: ConvertOutput,
  })
  convert(input: z.infer<typeof ConvertInput>) {
    return convert(input);
  }

  @tool({
    description:
      "Counts the words, sentences, paragraphs and characters of a text, by the rules of its language, and estimates how long reading it takes.",
    input: TextInput,
    output: TextOutput,
  })
  text(input: z.infer<typeof TextInput>) {
    return textStatistics(input);
  }
}
