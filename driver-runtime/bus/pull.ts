import { createInbox, type Msg, type Subscription } from "@nats-io/nats-core";
import type { Logger } from "pino";
import { type Failure, isFailure, type Link } from "./link.ts";

export interface PullSpec {
  apiPrefix: string;
  stream: string;
  consumer: string;
}

export interface Capacity {
  messages: number;
  bytes: number;
}

/** Who takes what is pulled. */
export interface PullTarget {
  /** How much more may be in hand. */
  capacity(): Capacity;
  /** Must not throw. */
  deliver(message: Msg): void;
  /** Told whether the consumer answers, at each change. */
  consuming(yes: boolean): void;
}

const EXPIRES_MS = 30_000;
/**
 * Among several servers the one that leads the consumer does not learn that an inbox is gone: what it sends to a request of
 * old is lost until the acknowledgement time is over (seen at every second end of a pod). So a request must end by itself, soon.
 */
const CLUSTER_EXPIRES_MS = 5_000;
const HEARTBEAT_MS = 5_000;
/** Two heartbeats missed, and a little. */
const SILENCE_MS = 2 * HEARTBEAT_MS + 1_000;
const CHECK_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 200;
const MAX_RETRY_MS = 5_000;
/** Freed slots are gathered this long before they are pulled for one by one. */
const GATHER_MS = 2;
const REPEAT_LOG_MS = 60_000;
/** So long events are asked for one at a time after one that cut a request off. */
const ONE_BY_ONE_MS = 10 * 60_000;
const nanos = (ms: number) => ms * 1e6;

/**
 * Pulls from a consumer that somebody else made: one request at a time, never for more than there is capacity, so that
 * nothing waits in this process while its acknowledgement time runs (nats.js's `consume` refills as messages arrive,
 * however slowly they are handled).
 *
 * States: Closed -> Checking (is the consumer there?) -> Consuming (a request is out, or there is no capacity)
 * -> Checking (no heartbeat, consumer deleted, connection lost) …; `close` from any.
 */
export class Pull {
  readonly #link: Link;
  readonly #spec: PullSpec;
  readonly #target: PullTarget;
  readonly #log: Logger;
  #state: "Closed" | "Checking" | "Consuming" = "Closed";
  #inbox = "";
  #subscription: Subscription | undefined;
  /** Number of the request that is out; its status messages come to `<inbox>.<serial>`. */
  #serial = 0;
  /** Messages that the request may still bring; 0: none is out. */
  #awaited = 0;
  #heardMs = 0;
  #gather: NodeJS.Timeout | undefined;
  #retry: NodeJS.Timeout | undefined;
  readonly #watchdog: { timer?: NodeJS.Timeout } = {};
  #failures = 0;
  #loggedMs = 0;
  #offLink: (() => void) | undefined;
  /** Until then (`performance.now()`) one event at a time is asked for. */
  #oneByOneUntilMs = 0;
  /** Called when the request that is out has ended. */
  #ended: (() => void) | undefined;

  constructor(link: Link, spec: PullSpec, target: PullTarget, log: Logger) {
    this.#link = link;
    this.#spec = spec;
    this.#target = target;
    this.#log = log;
  }

  open(): void {
    if (this.#state !== "Closed") return;
    this.#listen();
    this.#watchdog.timer = setInterval(() => this.#watch(), HEARTBEAT_MS / 2);
    this.#watchdog.timer.unref();
    this.#offLink = this.#link.onChange((up) => this.#linkChanged(up));
    this.#check();
  }

  #listen(): void {
    this.#inbox = createInbox();
    this.#subscription = this.#link.connection.subscribe(`${this.#inbox}.*`, {
      callback: (error, message) => {
        if (error) this.#trouble(`its inbox was refused: ${error.message}`);
        else this.#receive(message);
      },
    });
  }

  /** No more is pulled; resolves when what was on its way has been delivered, at most after `patienceMs`. */
  async close(patienceMs = CLUSTER_EXPIRES_MS): Promise<void> {
    if (this.#state === "Closed") return;
    this.#state = "Closed";
    clearTimeout(this.#gather);
    clearTimeout(this.#retry);
    clearInterval(this.#watchdog.timer);
    this.#offLink?.();
    this.#gather = undefined;
    if (this.#awaited > 0 && this.#link.up && this.#link.clustered) await this.#whenEnded(patienceMs);
    this.#awaited = 0;
    // A server of its own stops sending at UNSUB, and what it sent before is here when the drain ends.
    if (this.#link.up) await this.#subscription?.drain().catch(() => {});
    else this.#subscription?.unsubscribe();
  }

  #whenEnded(patienceMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        offLink();
        this.#ended = undefined;
        resolve();
      };
      // The server's clock began a little later.
      const timer = setTimeout(done, Math.min(patienceMs, CLUSTER_EXPIRES_MS) + FIRST_RETRY_MS);
      const offLink = this.#link.onChange(done);
      this.#ended = done;
    });
  }

  /** Something in hand is done. */
  freed(): void {
    if (this.#state !== "Consuming" || this.#awaited > 0) return;
    const { messages } = this.#target.capacity();
    if (messages >= this.#batch / 4) this.#request();
    else
      this.#gather ??= setTimeout(() => {
        this.#gather = undefined;
        this.#request();
      }, GATHER_MS);
  }
  #batch = 0;

  #request(): void {
    if (this.#state !== "Consuming" || this.#awaited > 0) return;
    const { messages: room, bytes } = this.#target.capacity();
    if (room <= 0 || bytes <= 0) return;
    const messages = performance.now() < this.#oneByOneUntilMs ? 1 : room;
    this.#batch = Math.max(this.#batch, messages);
    this.#awaited = messages;
    this.#heardMs = Date.now();
    const expiresMs = this.#link.clustered ? CLUSTER_EXPIRES_MS : EXPIRES_MS;
    const body = {
      batch: messages,
      max_bytes: bytes,
      expires: nanos(expiresMs),
      // The server takes no more than half of the expiry.
      idle_heartbeat: nanos(Math.min(HEARTBEAT_MS, expiresMs / 2)),
    };
    const { apiPrefix, stream, consumer } = this.#spec;
    this.#link.send(`${apiPrefix}.CONSUMER.MSG.NEXT.${stream}.${consumer}`, JSON.stringify(body), {
      reply: `${this.#inbox}.${++this.#serial}`,
    });
  }

  #receive(message: Msg): void {
    this.#heardMs = Date.now();
    if (message.subject.startsWith(this.#inbox)) {
      if (message.subject === `${this.#inbox}.${this.#serial}`) this.#status(message);
      return;
    }
    if (this.#awaited > 0) this.#awaited--;
    if (message.data.length === 0 && !message.headers) this.#cutOff();
    this.#target.deliver(message);
    if (this.#awaited > 0) return;
    this.#ended?.();
    this.freed();
  }

  /**
   * nats-server takes a message without header and payload for the end of an answer (an account import's "stream" of them):
   * what the request brings after it reaches nobody, and comes again only after the acknowledgement time. Only a raw client
   * publishes such an event; it is not to make others lose theirs. So the request is given up by taking its inbox away, and for a
   * while nothing is asked for together with what such a message could cut off.
   */
  #cutOff(): void {
    this.#oneByOneUntilMs = performance.now() + ONE_BY_ONE_MS;
    if (this.#awaited === 0) return;
    this.#awaited = 0;
    this.#ended?.();
    if (this.#state !== "Consuming") return;
    this.#log.warn(
      { consumer: this.#spec.consumer },
      "an event without header and payload cut a request off; events are asked for one at a time now",
    );
    this.#subscription?.unsubscribe();
    this.#listen();
  }

  /** The server's words about the request that is out: 100 is a heartbeat, anything else ends it. */
  #status(message: Msg): void {
    const { code = 0, description = "" } = message.headers ?? {};
    if (code === 100) return;
    this.#ended?.();
    if (this.#state !== "Consuming") return;
    this.#awaited = 0;
    const consumerGone = code === 503 || (code === 409 && /consumer deleted/i.test(description));
    if (consumerGone || code === 400) this.#trouble(`the bus answered ${code} ${description}`.trim());
    // 404 and 408: nothing came in time. 409: leader changed, or the next event is beyond the bytes asked for.
    else if (code === 409) this.#later(() => this.#request(), FIRST_RETRY_MS / 10);
    else this.#request();
  }

  #watch(): void {
    if (this.#state !== "Consuming" || !this.#link.up) return;
    if (this.#awaited === 0) this.#request();
    else if (Date.now() - this.#heardMs > SILENCE_MS) this.#trouble("the consumer went silent");
  }

  #linkChanged(up: boolean): void {
    if (this.#state === "Closed") return;
    this.#awaited = 0;
    this.#state = "Checking";
    clearTimeout(this.#retry);
    if (up) this.#check();
    else this.#target.consuming(false);
  }

  #trouble(why: string): void {
    if (this.#state !== "Consuming") return;
    this.#log.warn({ consumer: this.#spec.consumer }, `looking after the subscription's consumer: ${why}`);
    this.#state = "Checking";
    this.#awaited = 0;
    // Never at once: a consumer that is there and yet can't be pulled from would be asked for without end.
    this.#later(() => this.#check(), FIRST_RETRY_MS);
  }

  #check(): void {
    this.#state = "Checking";
    this.#awaited = 0;
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const inbox = this.#inbox;
    const problem = await this.#problem();
    if (this.#state !== "Checking" || inbox !== this.#inbox || !this.#link.up) return;
    if (problem === undefined) return this.#found();
    this.#target.consuming(false);
    const waitMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++);
    if (this.#failures === 1 || Date.now() - this.#loggedMs > REPEAT_LOG_MS) {
      this.#loggedMs = Date.now();
      this.#log.error({ consumer: this.#spec.consumer, stream: this.#spec.stream }, problem);
    }
    this.#later(() => this.#check(), waitMs);
  }

  #found(): void {
    if (this.#failures > 0) this.#log.info({ consumer: this.#spec.consumer }, "the consumer is there again");
    this.#failures = 0;
    this.#state = "Consuming";
    this.#target.consuming(true);
    this.#request();
  }

  /** Messages that the consumer has not delivered yet, by the bus's word; undefined: it does not say within `timeoutMs`. */
  async waiting(timeoutMs: number): Promise<number | undefined> {
    const answer = await this.#inform(timeoutMs);
    return isFailure(answer) ? undefined : stateOf(answer).num_pending;
  }

  /** Whether a delivery is the consumer's newest, and not acknowledged: of one that has one event in hand, whether it stands. */
  async isNewest(consumerSequence: number, timeoutMs: number): Promise<boolean> {
    const answer = await this.#inform(timeoutMs);
    const { delivered, num_ack_pending = 0 } = isFailure(answer) ? {} : stateOf(answer);
    return delivered?.consumer_seq === consumerSequence && num_ack_pending > 0;
  }

  #inform(timeoutMs: number): Promise<Msg | Failure> {
    const { apiPrefix, stream, consumer } = this.#spec;
    return this.#link.request(`${apiPrefix}.CONSUMER.INFO.${stream}.${consumer}`, "", { timeoutMs });
  }

  /** Why nothing can be pulled; undefined when it can. */
  async #problem(): Promise<string | undefined> {
    const { stream, consumer } = this.#spec;
    const answer = await this.#inform(CHECK_TIMEOUT_MS);
    const retrying = "; events wait on the bus meanwhile, and this is tried again until it works";
    if (answer === "NoResponders" || answer === "Denied")
      return `the bus lets this driver see no consumer "${consumer}": does its Driver object have the subscription, and is its condition BusAccessReady?${retrying}`;
    if (isFailure(answer))
      return `the bus did not answer about the consumer "${consumer}" (${answer})${retrying}`;
    const description = errorOf(answer);
    return (
      description &&
      `the consumer "${consumer}" of the stream ${stream} is not there: ${description}${retrying}`
    );
  }

  #later(work: () => void, ms: number): void {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(work, ms);
  }
}

function errorOf(answer: Msg): string | undefined {
  try {
    return answer.json<{ error?: { description?: string } }>().error?.description;
  } catch {
    return "the answer was no JSON";
  }
}

interface ConsumerState {
  num_pending?: number;
  num_ack_pending?: number;
  delivered?: { consumer_seq: number };
}

function stateOf(answer: Msg): ConsumerState {
  try {
    return answer.json<ConsumerState>();
  } catch {
    return {};
  }
}
