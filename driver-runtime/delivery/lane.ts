import type { Msg } from "@nats-io/nats-core";
import type { Logger } from "pino";
import type { DeliveryInfo } from "../bus/delivery-subject.ts";
import type { Link } from "../bus/link.ts";
import { Pull, type PullSpec } from "../bus/pull.ts";
import type { Handling } from "./handling.ts";
import { InHand, type InHandLimits } from "./in-hand.ts";

export interface LaneParts {
  link: Link;
  consumer: PullSpec;
  limits: InHandLimits;
  /** Must not throw. */
  deliver: (message: Msg, lane: Lane) => void;
  /** Told whether the consumer answers, at each change. */
  consuming: (yes: boolean, lane: Lane) => void;
  log: Logger;
}

/** One consumer of a subscription: what is pulled from it, and what of that is in hand. */
export class Lane {
  readonly inHand: InHand;
  readonly #pull: Pull;

  constructor({ link, consumer, limits, deliver, consuming, log }: LaneParts) {
    this.inHand = new InHand(limits);
    const target = {
      capacity: () => this.inHand.capacity(),
      deliver: (message: Msg) => deliver(message, this),
      consuming: (yes: boolean) => consuming(yes, this),
    };
    this.#pull = new Pull(link, consumer, target, log);
  }

  open(): void {
    this.#pull.open();
  }

  /** Events that were not delivered to any replica yet; undefined: the bus does not say within `timeoutMs`. */
  waiting(timeoutMs: number): Promise<number | undefined> {
    return this.#pull.waiting(timeoutMs);
  }

  /** Whether a delivery of an ordered lane has not become somebody else's meanwhile; false where the bus doesn't say. */
  stillHolds({ consumerSequence }: DeliveryInfo, timeoutMs: number): Promise<boolean> {
    return this.#pull.isNewest(consumerSequence, timeoutMs);
  }

  /** No more is pulled; resolves when what was on its way is in hand, at most after `patienceMs`. */
  async close(patienceMs?: number): Promise<void> {
    await this.#pull.close(patienceMs);
  }

  /** It is settled: there is room for another one. */
  release(handling: Handling): void {
    this.inHand.remove(handling);
    this.#pull.freed();
  }
}
