import { DriverError } from "@vextir/driver-runtime";
import type { ServerResult } from "./session.ts";

/**
 * What a caller is answered: the result as data where the server gives it as such, else its text, else all of its content as MCP has it.
 * @throws DriverError `CallFailed` with the server's words, where it says that the call failed.
 */
export function resultValue({ content, structuredContent, isError }: ServerResult): unknown {
  const texts = content.map((part) => (part.type === "text" ? part.text : undefined));
  const isText = texts.every((text) => text !== undefined);
  if (isError)
    throw new DriverError(
      "CallFailed",
      texts.filter((text) => text !== undefined).join("\n") || "the call failed",
    );
  if (structuredContent !== undefined) return structuredContent;
  return isText ? texts.join("\n") : { content };
}
