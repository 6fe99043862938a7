import {
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type Payload,
  type Subscription,
} from "@nats-io/nats-core";
import { statusOf } from "./message-headers.ts";
import { Waiters } from "./waiters.ts";

/** Why a request has no answer. `Lost`: the connection went while it was under way, so the work may have been done. */
export type Failure = "NoResponders" | "Timeout" | "Lost" | "Denied" | "Closed" | "TooLarge";

export interface RequestSpec {
  timeoutMs: number;
  headers?: MsgHdrs | undefined;
}

export const isFailure = (answer: Msg | Failure): answer is Failure => typeof answer === "string";

interface Pending {
  subject: string;
  end: (answer: Msg | Failure) => void;
}

/**
 * One connection, with what nats.js leaves to its user: whether it is up now, requests that fail as soon as it is lost
 * (instead of at their timeout) and cost no stack trace each, and nothing written while it is down (nats.js drops that at
 * the reconnect).
 */
export class Route {
  readonly connection: NatsConnection;
  readonly #inbox = `${createInbox()}.`;
  readonly #pending = new Map<string, Pending>();
  readonly #waiting = new Waiters();
  readonly #quiet = new Waiters();
  readonly #onChange = new Set<(up: boolean) => void>();
  #answers: Subscription | undefined;
  #serial = 0;
  #up = true;
  #closed = false;

  constructor(connection: NatsConnection) {
    this.connection = connection;
    void this.#follow();
    void connection.closed().then(() => this.#close());
  }

  get up(): boolean {
    return this.#up && !this.#closed;
  }
  get closed(): boolean {
    return this.#closed;
  }

  /** Told after each loss and each return of the connection, and when it closes for good. */
  onChange(listener: (up: boolean) => void): () => void {
    this.#onChange.add(listener);
    return () => this.#onChange.delete(listener);
  }

  /** Whether the connection is up within `timeoutMs`. */
  async whenUp(timeoutMs: number): Promise<boolean> {
    if (!this.#up && !this.#closed) await this.#waiting.wait(timeoutMs);
    return this.up;
  }

  /** Resolves when no request is without an answer, or after `timeoutMs`. */
  async whenQuiet(timeoutMs: number): Promise<void> {
    if (this.#pending.size > 0) await this.#quiet.wait(timeoutMs);
  }

  /** Sends without an answer. False when the connection is down or the message too large: nothing was sent. */
  send(subject: string, payload?: Payload, options?: { reply?: string; headers?: MsgHdrs }): boolean {
    if (!this.up) return false;
    try {
      this.connection.publish(subject, payload, options);
      return true;
    } catch {
      return false;
    }
  }

  /** One request, one answer or the reason why there is none. Never rejects, never tries again. */
  async request(subject: string, payload: Payload, spec: RequestSpec): Promise<Msg | Failure> {
    const deadline = Date.now() + spec.timeoutMs;
    if (!this.#up && !(await this.whenUp(spec.timeoutMs))) return this.#closed ? "Closed" : "Timeout";
    return this.#ask(subject, payload, Math.max(1, deadline - Date.now()), spec.headers);
  }

  #ask(subject: string, payload: Payload, timeoutMs: number, headers?: MsgHdrs): Promise<Msg | Failure> {
    return new Promise((resolve) => {
      const token = (this.#serial++).toString(36);
      const end = (answer: Msg | Failure) => {
        if (!this.#pending.delete(token)) return;
        clearTimeout(timer);
        if (this.#pending.size === 0) this.#quiet.wake();
        resolve(answer);
      };
      const timer = setTimeout(end, timeoutMs, "Timeout");
      this.#pending.set(token, { subject, end });
      try {
        this.#answers ??= this.#listen();
        this.connection.publish(subject, payload, {
          reply: this.#inbox + token,
          ...(headers && { headers }),
        });
      } catch (error) {
        end(failureOf(error));
      }
    });
  }

  #listen(): Subscription {
    return this.connection.subscribe(`${this.#inbox}*`, {
      callback: (error, message) => {
        if (error) this.#endAll("Denied");
        else {
          const nobody = message.data.length === 0 && statusOf(message) === 503;
          this.#pending
            .get(message.subject.slice(this.#inbox.length))
            ?.end(nobody ? "NoResponders" : message);
        }
      },
    });
  }

  async #follow(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "disconnect") this.#change(false);
      else if (status.type === "reconnect") this.#change(true);
      else if (status.type === "error") this.#denied(status.error);
    }
  }

  /** The server says which subject it refused, not which message. */
  #denied(error: Error): void {
    const { name, subject } = error as Error & { subject?: string };
    if (name !== "PermissionViolationError") return;
    for (const pending of [...this.#pending.values()]) if (pending.subject === subject) pending.end("Denied");
  }

  #change(up: boolean): void {
    if (this.#up === up || this.#closed) return;
    this.#up = up;
    if (up) this.#waiting.wake();
    else this.#endAll("Lost");
    this.#tell();
  }

  #close(): void {
    this.#up = false;
    this.#closed = true;
    this.#waiting.wake();
    this.#endAll("Closed");
    this.#tell();
  }

  #endAll(failure: Failure): void {
    for (const pending of [...this.#pending.values()]) pending.end(failure);
  }

  #tell(): void {
    for (const listener of [...this.#onChange]) listener(this.up);
  }
}

/** Why nats.js did not take a message. */
function failureOf(error: unknown): Failure {
  const { name, message } = error as Error;
  return name === "InvalidArgumentError" && message.includes("max_payload") ? "TooLarge" : "Closed";
}
