import type { Colors } from "picocolors/types.js";
import { printable } from "./text.ts";

const LABELS: Record<string, string> = {
  10: "trace",
  20: "debug",
  30: "info",
  40: "warn",
  50: "error",
  60: "fatal",
};
/** Fields that the prefix says already, or nobody reads. */
const HIDDEN = new Set([
  "level",
  "time",
  "pid",
  "hostname",
  "driver",
  "namespace",
  "pod",
  "msg",
  "err",
  "v",
  "name",
]);
const MAX_FIELD = 200;
const MAX_STACK_LINES = 12;

/** A line that a driver logged, as people read it; a line that is no JSON of a log comes as it is. Never has control characters. */
export function readableLine(line: string, colors: Colors): string {
  const record = logRecord(line);
  if (!record) return printable(line);
  const level = LABELS[String(record["level"])] ?? String(record["level"] ?? "info");
  const fields = Object.entries(record).filter(([name]) => !HIDDEN.has(name));
  const shown = fields.map(([name, value]) => ` ${name}=${brief(value)}`).join("");
  const text = `${printable(String(record["msg"] ?? ""))}${colors.dim(printable(shown))}${errorOf(record["err"], level, colors)}`;
  return `${levelMark(level, colors)}${text}`;
}

/** The object that a line of a structured log holds. */
export function logRecord(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line) as Record<string, unknown>;
    return "msg" in value || "level" in value ? value : undefined;
  } catch {
    return undefined;
  }
}

function levelMark(level: string, colors: Colors): string {
  if (level === "warn") return colors.yellow("warn  ");
  if (level === "error" || level === "fatal") return colors.red(`${level} `);
  return level === "info" ? "" : colors.dim(`${printable(level)} `);
}

function errorOf(error: unknown, level: string, colors: Colors): string {
  if (error === null || error === undefined) return "";
  const { message, stack, type } = (typeof error === "object" ? error : { message: String(error) }) as Record<
    string,
    unknown
  >;
  const serious = level === "error" || level === "fatal";
  if (!serious || typeof stack !== "string")
    return `: ${printable(`${type ?? "Error"}: ${message ?? ""}`).slice(0, 1_000)}`;
  const lines = printable(stack).split("\n").slice(0, MAX_STACK_LINES);
  return colors.dim(lines.map((line) => `\n    ${line.trim()}`).join(""));
}

function brief(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.length > MAX_FIELD ? `${text.slice(0, MAX_FIELD)}…` : text;
}
