import { StringDecoder } from "node:string_decoder";

/** Longest line that is handed on, in characters; the rest of it is left out. */
export const MAX_LINE = 16_384;

/** Cuts a stream of bytes into lines. What a process writes without an end takes no more memory than one line. */
export class LineSplitter {
  #decoder = new StringDecoder("utf8");
  #line = "";
  #cut = 0;
  #emit: (line: string) => void;

  constructor(emit: (line: string) => void) {
    this.#emit = emit;
  }

  write(chunk: Buffer): void {
    const [first = "", ...rest] = this.#decoder.write(chunk).split("\n");
    this.#append(first);
    for (const part of rest) {
      this.#end();
      this.#append(part);
    }
  }

  /** Hands on what has no newline at its end. */
  end(): void {
    this.#append(this.#decoder.end());
    if (this.#line !== "" || this.#cut > 0) this.#end();
  }

  #append(part: string): void {
    const room = MAX_LINE - this.#line.length;
    this.#line += part.slice(0, room);
    this.#cut += Math.max(0, part.length - room);
  }

  #end(): void {
    const line = this.#line.endsWith("\r") ? this.#line.slice(0, -1) : this.#line;
    const cut = this.#cut;
    this.#line = "";
    this.#cut = 0;
    this.#emit(cut > 0 ? `${line}… (${cut} more characters)` : line);
  }
}
