import { type Logger, type LoggerOptions, pino, stdSerializers } from "pino";
import { withoutSecrets } from "./redaction.ts";

const LEVELS = new Set(["trace", "debug", "info", "warn", "error", "fatal", "silent"]);

export interface LogIdentity {
  driver: string;
  namespace: string;
  pod?: string | undefined;
}

/**
 * JSON lines on standard output, each with driver and namespace. Payloads and tokens are never logged by the runtime; `secrets` (by
 * name) are taken out of whatever is logged.
 */
export function createLog(
  identity: LogIdentity,
  level = "info",
  secrets: Readonly<Record<string, string>> = {},
  /** Added to each line. */
  fields?: () => Record<string, string>,
): Logger {
  const options: LoggerOptions = {
    level: LEVELS.has(level) ? level : "info",
    base: identity,
    serializers: { err: briefError },
    ...(fields && { mixin: fields }),
    formatters: { level: (label) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
  };
  if (Object.keys(secrets).length === 0) return pino(options);
  return pino(options, withoutSecrets(secrets, pino.destination({ fd: 1, sync: true })));
}

const MAX_TEXT = 4_000;

/** An error without what libraries hang on it: requests, payloads, configuration. */
function briefError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === "string" ? error.slice(0, MAX_TEXT) : typeof error;
  const { type, message, stack } = stdSerializers.err(error);
  const code = (error as { code?: unknown }).code;
  return {
    type,
    message: message.slice(0, MAX_TEXT),
    ...(code !== undefined && { code: String(code) }),
    ...(stack && { stack: stack.slice(0, MAX_TEXT) }),
  };
}
