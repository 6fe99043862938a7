import type { Msg, MsgHdrs, NatsConnection, Payload, Subscription } from "@nats-io/nats-core";
import { type Failure, isFailure, type RequestSpec, Route } from "./route.ts";

export { type Failure, isFailure };

export interface Listener {
  queue?: string;
  /** Must not throw: it would end the reader of the connection. */
  received: (message: Msg) => void;
  refused: (error: Error) => void;
}

/** A subscription that goes over every connection that there is at the time. */
export interface Listening {
  /** No more messages come; resolves when those on their way have been received. */
  drain(): Promise<void>;
  stop(): void;
}

/**
 * The way to the bus: one connection, and while that changes its token a second one, the bridge, that takes over what
 * begins meanwhile.
 */
export class Link {
  readonly #main: Route;
  #bridge: Route | undefined;
  readonly #listenings = new Set<TwofoldListening>();

  constructor(connection: NatsConnection) {
    this.#main = new Route(connection);
  }

  /** The lasting connection; the same object from the beginning to the end. */
  get connection(): NatsConnection {
    return this.#main.connection;
  }
  /** Something can be sent now. */
  get up(): boolean {
    return this.#route.up;
  }
  get closed(): boolean {
    return this.#main.closed;
  }

  /** Whether the server is one of several. */
  get clustered(): boolean {
    return this.connection.info?.cluster !== undefined;
  }

  /** Largest message that the server takes, headers included. */
  get maxPayload(): number {
    return this.connection.info?.max_payload ?? 1_048_576;
  }
  /** Largest payload that fits beside headers of a usual size. */
  get maxData(): number {
    return this.maxPayload - 8_192;
  }

  /** Told after each loss and each return of the lasting connection. */
  onChange(listener: (up: boolean) => void): () => void {
    return this.#main.onChange(listener);
  }

  /** Whether something can be sent within `timeoutMs`. */
  whenUp(timeoutMs: number): Promise<boolean> {
    return this.#route.whenUp(timeoutMs);
  }

  /** Sends without an answer. False when the connection is down or the message too large: nothing was sent. */
  send(subject: string, payload?: Payload, options?: { reply?: string; headers?: MsgHdrs }): boolean {
    return this.#route.send(subject, payload, options);
  }

  /** One request, one answer or the reason why there is none. Never rejects, never tries again. */
  request(subject: string, payload: Payload, spec: RequestSpec): Promise<Msg | Failure> {
    return this.#route.request(subject, payload, spec);
  }

  listen(subject: string, listener: Listener): Listening {
    const listening = new TwofoldListening(subject, listener, () => this.#listenings.delete(listening));
    this.#listenings.add(listening);
    listening.add(this.#main.connection);
    if (this.#bridge) listening.add(this.#bridge.connection);
    return listening;
  }

  /** From now on `connection` carries what begins, and what is listened to comes over both. */
  async bridge(connection: NatsConnection): Promise<void> {
    const route = new Route(connection);
    for (const listening of this.#listenings) listening.add(connection);
    await connection.flush();
    this.#bridge = route;
  }

  /** Whether within `timeoutMs` the server has taken in what was subscribed to over the lasting connection. Never rejects. */
  async settled(timeoutMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    const flushed = this.connection.flush().then(
      () => true,
      () => false,
    );
    return Promise.race([flushed, late]).finally(() => clearTimeout(timer));
  }

  /** Back to the lasting connection; the bridge closes when its requests are answered, after `patienceMs` at most. */
  async unbridge(patienceMs: number): Promise<void> {
    const route = this.#bridge;
    if (!route) return;
    this.#bridge = undefined;
    await Promise.all([...this.#listenings].map((listening) => listening.remove(route.connection)));
    await route.whenQuiet(patienceMs);
    await route.connection.close();
  }

  /** Resolves when the lasting connection has no request without an answer, or after `timeoutMs`. */
  whenQuiet(timeoutMs: number): Promise<void> {
    return this.#main.whenQuiet(timeoutMs);
  }

  /** The bridge, while it is better than the lasting connection. */
  get #route(): Route {
    return this.#bridge && !this.#bridge.closed && (this.#bridge.up || !this.#main.up)
      ? this.#bridge
      : this.#main;
  }
}

class TwofoldListening implements Listening {
  readonly #subject: string;
  readonly #listener: Listener;
  readonly #ended: () => void;
  readonly #subscriptions = new Map<NatsConnection, Subscription>();

  constructor(subject: string, listener: Listener, ended: () => void) {
    this.#subject = subject;
    this.#listener = listener;
    this.#ended = ended;
  }

  add(connection: NatsConnection): void {
    const { queue, received, refused } = this.#listener;
    const subscription = connection.subscribe(this.#subject, {
      ...(queue && { queue }),
      callback: (error, message) => (error ? refused(error) : received(message)),
    });
    this.#subscriptions.set(connection, subscription);
  }

  async remove(connection: NatsConnection): Promise<void> {
    const subscription = this.#subscriptions.get(connection);
    this.#subscriptions.delete(connection);
    await subscription?.drain().catch(() => {});
  }

  async drain(): Promise<void> {
    this.#ended();
    await Promise.all([...this.#subscriptions.keys()].map((connection) => this.remove(connection)));
  }

  stop(): void {
    this.#ended();
    for (const subscription of this.#subscriptions.values()) subscription.unsubscribe();
    this.#subscriptions.clear();
  }
}
