export interface Frame {
  id?: string;
  event?: string;
  data: Record<string, unknown>;
}

/** Reads a stream of server-sent events frame by frame. */
export class EventSource {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";
  /** Comments that came between the frames. */
  comments = 0;

  private constructor(response: Response) {
    this.response = response;
    if (!response.body) throw new Error("no body");
    this.#reader = response.body.getReader();
  }

  static async open(url: string, headers: Record<string, string> = {}): Promise<EventSource> {
    const response = await fetch(url, { headers });
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`);
    return new EventSource(response);
  }

  /** The next frame with data; undefined: the stream has ended. */
  async next(): Promise<Frame | undefined> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end < 0) {
        const { done, value } = await this.#reader.read();
        if (done) return undefined;
        this.#text += this.#decoder.decode(value, { stream: true });
        continue;
      }
      const lines = this.#text.slice(0, end).split("\n");
      this.#text = this.#text.slice(end + 2);
      const fields = new Map(
        lines.map((line): [string, string] => [
          line.slice(0, line.indexOf(":")),
          line.slice(line.indexOf(":") + 2),
        ]),
      );
      if (fields.has("")) this.comments++;
      const [id, event, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
      if (data === undefined) continue;
      return {
        ...(id !== undefined && { id }),
        ...(event !== undefined && { event }),
        data: JSON.parse(data),
      };
    }
  }

  async take(count: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    while (frames.length < count) {
      const next = await this.next();
      if (!next) throw new Error(`the stream ended after ${JSON.stringify(frames)}`);
      frames.push(next);
    }
    return frames;
  }

  close = () => this.#reader.cancel();
}
