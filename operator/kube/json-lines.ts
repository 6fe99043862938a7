const NEWLINE = 0x0a;

/** A line that is longer than allowed, or no JSON: the stream it came from is of no more use. */
export class LineError extends Error {
  override readonly name = "LineError";
}

/**
 * Cuts a byte stream into lines of JSON, as a watch sends them. A line may come in any number of pieces; pieces of a
 * character are never decoded alone.
 */
export class JsonLines {
  readonly #maxBytes: number;
  readonly #onValue: (value: unknown) => void;
  #pieces: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number, onValue: (value: unknown) => void) {
    this.#maxBytes = maxBytes;
    this.#onValue = onValue;
  }

  /** @throws LineError; whatever `onValue` throws. */
  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#line(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start < chunk.length) this.#keep(chunk.subarray(start));
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#maxBytes) {
      throw new LineError(`a line of the watch is longer than ${this.#maxBytes} bytes`);
    }
    this.#pieces.push(piece);
  }

  #line(last: Buffer): void {
    this.#keep(last);
    const line = this.#pieces.length === 1 ? last : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    const text = line.toString();
    if (text.trim() === "") return;
    this.#onValue(parse(text));
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new LineError(`a line of the watch is no JSON: ${text.slice(0, 80)}`, { cause });
  }
}
