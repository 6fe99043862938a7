import type { ServerResponse } from "node:http";
import { control, HEARTBEAT } from "./frames.ts";

/** Why a stream ends; the client is told. */
export type EndReason =
  /** It read slower than events came: it comes back with `Last-Event-ID`. */
  | "TooSlow"
  /** The proof that let it in has run out. */
  | "Expired"
  /** The gateway stops. */
  | "Closing";

const MAX_QUEUED = 1_000;
const MAX_QUEUED_BYTES = 1_048_576;
/** One that reads nothing for so long is gone, whatever its connection says. */
const STALLED_MS = 60_000;
/** Time to read the last words. */
const FAREWELL_MS = 5_000;

/** What a client is written to: an HTTP answer. */
export type Sink = Pick<ServerResponse, "write" | "end" | "destroy" | "on">;

/** A client of the stream: what it is too slow for waits in a bounded queue. */
export class StreamClient {
  readonly #sink: Sink;
  readonly #now: () => number;
  readonly #queue: string[] = [];
  #bytes = 0;
  #blockedAt: number | undefined;
  #ended = false;

  constructor(sink: Sink, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#now = now;
    sink.on("drain", () => this.#drain());
  }

  get ended(): boolean {
    return this.#ended;
  }

  send(text: string): void {
    if (this.#ended) return;
    if (this.#blockedAt === undefined) {
      this.#write(text);
      return;
    }
    this.#queue.push(text);
    this.#bytes += text.length;
    if (this.#queue.length > MAX_QUEUED || this.#bytes > MAX_QUEUED_BYTES) this.end("TooSlow");
  }

  /** A sign of life, which also finds out who is gone. */
  beat(): void {
    if (this.#blockedAt === undefined) this.send(HEARTBEAT);
    else if (this.#now() - this.#blockedAt > STALLED_MS) this.end("TooSlow");
  }

  /** What waits is dropped: the client has the id of the last event that it got. */
  end(reason: EndReason): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue.length = 0;
    this.#sink.write(control("end", { reason }));
    this.#sink.end();
    setTimeout(() => this.#sink.destroy(), FAREWELL_MS).unref();
  }

  /** The client went away. */
  gone(): void {
    this.#ended = true;
    this.#queue.length = 0;
  }

  #write(text: string): void {
    if (!this.#sink.write(text)) this.#blockedAt = this.#now();
  }

  #drain(): void {
    this.#blockedAt = undefined;
    while (this.#blockedAt === undefined && !this.#ended) {
      const text = this.#queue.shift();
      if (text === undefined) return;
      this.#bytes -= text.length;
      this.#write(text);
    }
  }
}
