import { type Logger, pino } from "pino";
import type { Printer } from "./output/printer.ts";

/** A logger for the operator's parts that prints through the printer, as one more source of lines. */
export function operatorLog(printer: Printer, level: string): Logger {
  return pino({ level, base: {} }, { write: (line: string) => printer.line("operator", line.trimEnd()) });
}
