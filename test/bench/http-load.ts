import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { quantile } from "./statistics.ts";

const CRLF2 = "\r\n\r\n";

/**
 * HTTP/1.1 POSTs over kept connections, one after another on each. Written on the socket, since a client library would take more
 * of the processor than the servers that are compared. What is answered with 503 is sent again; every other answer must be 202.
 */
export class HttpLoad {
  readonly #head: string;
  readonly #target: URL;
  readonly #body: (n: number) => string;
  #next = 0;

  constructor(target: string, headers: Record<string, string>, body: (n: number) => string) {
    this.#target = new URL(target);
    const lines = Object.entries({ host: this.#target.host, ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    this.#head = [`POST ${this.#target.pathname} HTTP/1.1`, ...lines, "content-length: "].join("\r\n");
    this.#body = body;
  }

  /** As fast as `connections` get answers. @returns answers in a second. */
  async throughput(requests: number, connections: number): Promise<number> {
    const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(this.#target)));
    let left = requests;
    const began = performance.now();
    await Promise.all(
      open.map(async (connection) => {
        while (left-- > 0) await connection.send(this.#request());
      }),
    );
    const seconds = (performance.now() - began) / 1e3;
    for (const connection of open) connection.close();
    return requests / seconds;
  }

  /** `perSecond` requests at even distances, whatever the answers take. @returns milliseconds from when each was due. */
  async latencies(requests: number, perSecond: number, connections: number): Promise<number[]> {
    const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(this.#target)));
    const took: number[] = [];
    const began = performance.now();
    let next = 0;
    await Promise.all(
      open.map(async (connection) => {
        while (next < requests) {
          const dueAt = began + (next++ * 1e3) / perSecond;
          const early = dueAt - performance.now();
          if (early > 0) await delay(early);
          // Timers are early by up to a millisecond.
          const from = Math.min(dueAt, performance.now());
          await connection.send(this.#request());
          took.push(performance.now() - from);
        }
      }),
    );
    for (const connection of open) connection.close();
    return took;
  }

  #request(): string {
    const body = this.#body(this.#next++);
    return `${this.#head}${Buffer.byteLength(body)}${CRLF2}${body}`;
  }
}

export const quantiles = (took: readonly number[]) => ({
  p50Ms: quantile(took, 0.5),
  p99Ms: quantile(took, 0.99),
});

class Connection {
  readonly #socket: Socket;
  #text = "";
  #answered: { resolve: (answer: "Taken" | "Later") => void; reject: (error: Error) => void } | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay();
    socket.setEncoding("latin1");
    socket.on("data", (text) => this.#read(String(text)));
    socket.on("error", (error) => this.#answered?.reject(error));
    socket.on("close", () => this.#answered?.reject(new Error("the connection was closed")));
  }

  static async open({ hostname, port }: URL): Promise<Connection> {
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return new Connection(socket);
  }

  async send(request: string): Promise<void> {
    while ((await this.#exchange(request)) === "Later");
  }

  #exchange(request: string): Promise<"Taken" | "Later"> {
    return new Promise((resolve, reject) => {
      this.#answered = { resolve, reject };
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#answered = undefined;
    this.#socket.destroy();
  }

  #read(text: string): void {
    this.#text += text;
    const end = this.#text.indexOf(CRLF2);
    const length = Number(/content-length: (\d+)/i.exec(this.#text.slice(0, Math.max(0, end)))?.[1]);
    if (end < 0 || this.#text.length < end + CRLF2.length + length) return;
    const answer = this.#text;
    this.#text = "";
    const waiting = this.#answered;
    this.#answered = undefined;
    if (answer.startsWith("HTTP/1.1 202")) waiting?.resolve("Taken");
    else if (answer.startsWith("HTTP/1.1 503")) waiting?.resolve("Later");
    else waiting?.reject(new Error(answer.slice(0, 600)));
  }
}
