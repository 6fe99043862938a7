import type { NatsConnection } from "@nats-io/transport-node";
import { DIRECTED_HEADERS, subjects } from "@vextir/api";
import { attributesIn, isFull, isTooLarge, MESSAGE_ID, put } from "./stored.ts";
import type { Target } from "./targets.ts";

/** An event as it was stored. */
export interface Original {
  subject: string;
  sequence: number;
  storedMs: number;
  values: ReadonlyMap<string, string>;
  payload: Uint8Array;
}

export interface Sending {
  /** Of the replay or redrive. */
  id: string;
  kind: "Replay" | "Redrive";
  /** The same for the same sending: within ten minutes it is done once. Drivers can't write to DIRECTED, so it need not be secret. */
  messageId: string;
  attempts?: number;
  redrives?: number;
}

export type Sent = "Sent" | "Repeated" | "Full" | "TooLarge";

/** Sends an event to one subscription of one driver. Resolves when DIRECTED has it, or has no room. */
export async function direct(
  connection: NatsConnection,
  { driver, subscription }: Target,
  { subject, sequence, storedMs, values, payload }: Original,
  { id, kind, messageId, attempts, redrives }: Sending,
): Promise<Sent> {
  const rest = subject.split(".").slice(1).join(".");
  const headers = {
    ...attributesIn(values),
    [MESSAGE_ID]: messageId,
    [DIRECTED_HEADERS.replay]: id,
    [DIRECTED_HEADERS.kind]: kind,
    [DIRECTED_HEADERS.subject]: subject,
    [DIRECTED_HEADERS.sequence]: String(sequence),
    [DIRECTED_HEADERS.storedMs]: String(storedMs),
    ...(attributes(attempts) && { [DIRECTED_HEADERS.attempts]: String(attempts) }),
    ...(attributes(redrives) && { [DIRECTED_HEADERS.redrives]: String(redrives) }),
  };
  try {
    const to = subjects.directed(driver, subscription, rest);
    return (await put(connection, to, payload, headers)).duplicate ? "Repeated" : "Sent";
  } catch (error) {
    if (isFull(error)) return "Full";
    if (isTooLarge(error)) return "TooLarge";
    throw error;
  }
}

const attributes = (value: number | undefined) => value !== undefined && value > 0;
