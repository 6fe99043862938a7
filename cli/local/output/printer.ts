import type { Writable } from "node:stream";
import pico from "picocolors";
import type { Colors } from "picocolors/types.js";
import { logRecord, readableLine } from "./log-line.ts";
import { printable } from "./text.ts";

/** What waits for a slow terminal or pipe; further lines are dropped and counted. */
const MAX_WAITING_BYTES = 4 * 2 ** 20;

export interface PrinterOptions {
  out: Writable;
  /** Lines of JSON, as they came. */
  json: boolean;
  color: boolean;
  /** Drivers' records below this level are left out; default: none. */
  least?: NoteLevel;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export type NoteLevel = "info" | "warn" | "error";

const BELOW: Record<NoteLevel, ReadonlySet<unknown>> = {
  info: new Set(["trace", "debug", 10, 20]),
  warn: new Set(["trace", "debug", "info", 10, 20, 30]),
  error: new Set(["trace", "debug", "info", "warn", 10, 20, 30, 40]),
};

function isAtLeast(line: string, least: NoteLevel | undefined): boolean {
  return least === undefined || !BELOW[least].has(logRecord(line)?.["level"]);
}

/** The one place that writes to the screen: lines of drivers, prefixed by their name, and what the local mode has to say. */
export class Printer {
  readonly colors: Colors;
  #options: PrinterOptions;
  #width = 8;
  #dropped = 0;

  constructor(options: PrinterOptions) {
    this.#options = options;
    this.colors = pico.createColors(options.color);
  }

  /** A line that a driver wrote. */
  line(driver: string, line: string): void {
    if (!isAtLeast(line, this.#options.least)) return;
    if (!this.#options.json) this.#prefixed(driver, this.#paint(driver), readableLine(line, this.colors));
    else this.#write(logRecord(line) ? line : JSON.stringify({ time: this.#time(), driver, msg: line }));
  }

  /** What the local mode itself has to say about `source`: a driver, or a part of its own. */
  note(source: string, message: string, level: NoteLevel = "info"): void {
    if (this.#options.json) {
      this.#write(JSON.stringify({ level, time: this.#time(), source, msg: message }));
      return;
    }
    const { yellow, red } = this.colors;
    const text = printable(message);
    const colored = { info: text, warn: yellow(text), error: red(text) }[level];
    this.#prefixed(source, this.colors.bold, colored);
  }

  /** Text for people, as it is; nothing with `--json`. */
  text(text: string): void {
    if (!this.#options.json) this.#write(text);
  }

  #prefixed(source: string, paint: (text: string) => string, text: string): void {
    this.#width = Math.min(24, Math.max(this.#width, source.length));
    const time = new Date(this.#now()).toTimeString().slice(0, 8);
    const prefix = `${this.colors.dim(time)} ${paint(source.padEnd(this.#width))} `;
    this.#write(
      text
        .split("\n")
        .map((line) => `${prefix}${line}`)
        .join("\n"),
    );
  }

  /** A driver keeps its colour from run to run. */
  #paint(driver: string): (text: string) => string {
    const { cyan, green, magenta, blue, yellow, cyanBright, greenBright, magentaBright } = this.colors;
    const all = [cyan, green, magenta, blue, yellow, cyanBright, greenBright, magentaBright];
    const sum = [...driver].reduce((total, character) => (total * 31 + character.charCodeAt(0)) >>> 0, 7);
    return all[sum % all.length] ?? cyan;
  }

  #write(text: string): void {
    const { out } = this.#options;
    if (out.writableLength > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      const dropped = `… ${this.#dropped} lines left out: this terminal or pipe reads too slowly`;
      out.write(
        `${this.#options.json ? JSON.stringify({ level: "warn", time: this.#time(), msg: dropped }) : dropped}\n`,
      );
      this.#dropped = 0;
    }
    out.write(`${text}\n`);
  }

  #now = () => (this.#options.now ?? Date.now)();
  #time = () => new Date(this.#now()).toISOString();
}
