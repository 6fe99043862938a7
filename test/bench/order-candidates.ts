/** Ways to keep the order of a partition's events over several pods, each in its rawest form, on a real nats-server. */
import { AckPolicy, type ConsumerConfig, DeliverPolicy } from "@nats-io/jetstream";
import type { Msg, NatsConnection } from "@nats-io/transport-node";

const NS = 1e6;
const ACK_WAIT_MS = 2_000;
const PARTITIONS = 64;
const STREAM = "EVENTS";

export interface Candidate {
  name: string;
  /** Consumers; each is of the partitions that are congruent to its number. */
  consumers: number;
  /** Of one consumer, over all pods. */
  maxAckPending: number;
  /** One pod owns a consumer and orders what it has in hand itself. */
  pinned?: boolean;
  /** No order at all: the yardstick. */
  unordered?: boolean;
}

export const CANDIDATES: readonly Candidate[] = [
  { name: "no order", consumers: 1, maxAckPending: 256, unordered: true },
  { name: "one at a time", consumers: 1, maxAckPending: 1 },
  ...[8, 16, 32, 64].map((consumers) => ({ name: `${consumers} lanes`, consumers, maxAckPending: 1 })),
  ...[4, 16].map((consumers) => ({
    name: `${consumers} pinned`,
    consumers,
    maxAckPending: 256 / consumers,
    pinned: true,
  })),
];

export function consumerConfigs(
  { consumers, maxAckPending, pinned }: Candidate,
  prefix = "c",
): ConsumerConfig[] {
  return Array.from({ length: consumers }, (_, lane) => {
    const partitions = Array.from({ length: PARTITIONS }, (_, p) => p).filter((p) => p % consumers === lane);
    const name = `${prefix}_${consumers}-${lane}`;
    return {
      name,
      durable_name: name,
      filter_subjects: (consumers === 1 ? ["*"] : partitions).map((p) => `evt.*.${p}.bench.event`),
      ack_policy: AckPolicy.Explicit,
      ack_wait: ACK_WAIT_MS * NS,
      max_deliver: 15,
      max_ack_pending: maxAckPending,
      deliver_policy: DeliverPolicy.All,
      ...(pinned && {
        priority_policy: "pinned_client",
        priority_groups: ["order"],
        priority_timeout: ACK_WAIT_MS * NS,
      }),
    } as ConsumerConfig;
  });
}

export interface Delivered {
  partition: number;
  sequence: number;
  attempt: number;
}
export type Handle = (delivery: Delivered) => Promise<number>;

/** A pod: pulls from all consumers, hands over by the candidate's rule; `handle` answers the delay after which it is tried again, 0 for done. */
export class Pod {
  readonly #connection: NatsConnection;
  readonly #candidate: Candidate;
  readonly #handle: Handle;
  /** What a partition's next event waits for. */
  readonly #chains = new Map<number, Promise<void>>();
  #stopped = false;

  constructor(connection: NatsConnection, candidate: Candidate, handle: Handle) {
    this.#connection = connection;
    this.#candidate = candidate;
    this.#handle = handle;
    for (let i = 0; i < candidate.consumers; i++) this.#pull(`c_${candidate.consumers}-${i}`);
  }

  stop(): void {
    this.#stopped = true;
  }

  /** What is in hand is lost then. */
  get #ended(): boolean {
    return this.#stopped || this.#connection.isClosed();
  }

  #pull(consumer: string): void {
    const { maxAckPending, pinned } = this.#candidate;
    const batch = pinned ? maxAckPending : Math.ceil(maxAckPending / 3);
    const inbox = `_INBOX.${consumer}.${Math.random().toString(36).slice(2)}`;
    let awaited = 0;
    let inHand = 0;
    let pin: string | undefined;
    const request = () => {
      const room = batch - inHand;
      if (this.#ended || awaited > 0 || room < 1) return;
      awaited = room;
      const body = {
        batch: room,
        expires: 30_000 * NS,
        ...(pinned && { group: "order", ...(pin !== undefined && { id: pin }) }),
      };
      this.#connection.publish(`$JS.API.CONSUMER.MSG.NEXT.${STREAM}.${consumer}`, JSON.stringify(body), {
        reply: inbox,
      });
    };
    this.#connection.subscribe(inbox, {
      callback: (_error, message) => {
        const { code = 0 } = message.headers ?? {};
        if (code !== 0) {
          if (code === 423) pin = undefined;
          if (code !== 100) {
            awaited = 0;
            request();
          }
          return;
        }
        pin = message.headers?.get("Nats-Pin-Id") || pin;
        awaited--;
        inHand++;
        void this.#take(message).then(() => {
          inHand--;
          request();
        });
      },
    });
    request();
  }

  async #take(message: Msg): Promise<void> {
    const tokens = message.reply?.split(".") ?? [];
    const delivery = {
      partition: Number(message.subject.split(".")[2]),
      attempt: Number(tokens[4]),
      sequence: Number(tokens[5]),
    };
    if (!this.#candidate.pinned) {
      const delayMs = await this.#handle(delivery);
      if (!this.#ended) message.respond(delayMs > 0 ? `-NAK {"delay":${delayMs * NS}}` : "+ACK");
      return;
    }
    const before = this.#chains.get(delivery.partition);
    const mine = (before ?? Promise.resolve()).then(async () => {
      // The owner holds the event while it waits: given back, it would be overtaken by what it has in hand.
      for (let attempt = delivery.attempt; ; attempt++) {
        const delayMs = await this.#handle({ ...delivery, attempt });
        if (delayMs === 0) break;
        const renewal = setInterval(() => this.#ended || message.respond("+WPI"), ACK_WAIT_MS / 3);
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        clearInterval(renewal);
      }
      if (!this.#ended) message.respond("+ACK");
    });
    this.#chains.set(delivery.partition, mine);
    await mine;
  }
}
