import type { Msg } from "@nats-io/nats-core";
import {
  consumerName,
  consumersOf,
  DIRECTED_HEADERS,
  parseDirectedSubject,
  type Subscription,
  streamOf,
  streams,
} from "@vextir/api";
import type { DeliveryInfo } from "../bus/delivery-subject.ts";
import { headersOf } from "../bus/message-headers.ts";
import type { Replay } from "../events/event.ts";
import type { Delivery } from "./triage.ts";

/** Where a subscription's deliveries come from, and how they are read. */
export interface Intake {
  stream: string;
  consumers: readonly string[];
  /** Distinguishes its metrics from those of the other intake of the subscription. */
  label: string;
  /** Undefined: the message is not for this subscription. */
  read(message: Msg, info: DeliveryInfo): Delivery | undefined;
}

/** What comes by itself. */
export const ownIntake = (driver: string, subscription: Subscription): Intake => ({
  stream: streamOf(subscription),
  consumers: consumersOf(driver, subscription),
  label: subscription.name,
  read: (message, info) => ({
    subject: message.subject,
    info,
    headers: headersOf(message),
    payload: message.data,
  }),
});

/** What the operator sends to this subscription alone: read as the event that it was, with its first place in its stream. */
export const directedIntake = (
  driver: string,
  subscription: Pick<Subscription, "name" | "from">,
): Intake => ({
  stream: streams.directed,
  consumers: [consumerName(driver, subscription.name)],
  label: `${subscription.name}/directed`,
  read: (message, info) => {
    const to = parseDirectedSubject(message.subject);
    if (to?.driver !== driver || to.subscription !== subscription.name) return undefined;
    const headers = headersOf(message);
    const number = (name: string) => Number(headers.get(name)) || 0;
    const root = subscription.from === "Handlings" ? "run" : "evt";
    return {
      subject: `${root}.${to.rest}`,
      info: {
        ...info,
        sequence: number(DIRECTED_HEADERS.sequence),
        storedMs: number(DIRECTED_HEADERS.storedMs) || info.storedMs,
      },
      headers,
      payload: message.data,
      replay: replayOf(headers, number),
    };
  },
});

const replayOf = (headers: ReadonlyMap<string, string>, number: (name: string) => number): Replay => ({
  id: headers.get(DIRECTED_HEADERS.replay) ?? "",
  kind: headers.get(DIRECTED_HEADERS.kind) === "Redrive" ? "Redrive" : "Replay",
  attempts: number(DIRECTED_HEADERS.attempts),
  redrives: number(DIRECTED_HEADERS.redrives),
});
