import { StreamableHTTPError } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { DriverError, type DriverErrorCode } from "@vextir/driver-runtime";

export interface Failure {
  code: DriverErrorCode;
  message: string;
  /** `Session`: it is of no more use, and nothing was done by it. `Server`: it may be away. `Call`: this call alone. */
  concerns: "Session" | "Server" | "Call";
}

const MAX_CHARACTERS = 500;

/** What an error means, for people. Servers put what they like into theirs: it is cut, and `secret` is taken out. */
export function failureOf(error: unknown, secret: string | undefined): Failure {
  const { message, ...rest } = read(error);
  const safe = secret === undefined ? message : message.replaceAll(secret, "…");
  const text = safe.replaceAll(/[\p{Cc}\s]+/gu, " ").trim();
  return { ...rest, message: text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text };
}

function read(error: unknown): Failure {
  if (error instanceof StreamableHTTPError) return ofStatus(error);
  if (error instanceof McpError) return ofProtocol(error);
  const { message, name, cause } = error as Error;
  if (error instanceof DriverError) {
    const { code } = error;
    return { code, message, concerns: code === "InvalidConfig" ? "Call" : "Server" };
  }
  if (name === "AbortError" || name === "TimeoutError")
    return { code: "Timeout", message: "the server did not answer in time", concerns: "Call" };
  if (isGarbage(error))
    return { code: "InvalidOutput", message: "the server's answer is not what MCP says", concerns: "Server" };
  const why = cause instanceof Error ? cause.message || ((cause as NodeJS.ErrnoException).code ?? "") : "";
  return {
    code: "Unavailable",
    message: `the server can't be reached: ${why || message}`,
    concerns: "Server",
  };
}

/** What was sent is no JSON, or no message. By name: what `fetch` and zod throw need not be of this module's own classes. */
export const isGarbage = (error: unknown) =>
  ["SyntaxError", "ZodError", "$ZodError"].includes((error as Error | undefined)?.name ?? "");

/** What the SDK puts before the server's words. */
const SDKS_WORDS = /^Streamable HTTP error: (Error POSTing to endpoint: )?/;

function ofStatus({ code: status = 0, message: written }: StreamableHTTPError): Failure {
  const message = written.replace(SDKS_WORDS, "");
  // A session that the server has forgotten is answered with 404 (MCP, streamable HTTP, session management), by many with 400.
  if (status === 404 || status === 400)
    return { code: "Unavailable", message: `HTTP ${status}: ${message}`, concerns: "Session" };
  if (status === 401 || status === 403)
    return {
      code: "Unavailable",
      message: `the server refuses the credential (HTTP ${status})`,
      concerns: "Server",
    };
  if (status < 0) return { code: "InvalidOutput", message, concerns: "Server" };
  return { code: "Unavailable", message: `HTTP ${status}: ${message}`, concerns: "Server" };
}

function ofProtocol({ code, message }: McpError): Failure {
  if (code === ErrorCode.RequestTimeout)
    return { code: "Timeout", message: "the server did not answer in time", concerns: "Call" };
  if (code === ErrorCode.ConnectionClosed)
    return { code: "Unavailable", message: "the connection to the server was closed", concerns: "Server" };
  if (code === ErrorCode.InvalidParams) return { code: "InvalidInput", message, concerns: "Call" };
  if (code === ErrorCode.MethodNotFound) return { code: "NotFound", message, concerns: "Call" };
  return { code: "CallFailed", message, concerns: "Call" };
}
