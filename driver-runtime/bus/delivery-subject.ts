/** What the reply subject of a delivered message says: `$JS.ACK.[domain.account.]stream.consumer.delivered.sseq.dseq.time.pending[.random]`. */
export interface DeliveryInfo {
  /** 1 at the first delivery. */
  attempt: number;
  sequence: number;
  /** Its number among the consumer's deliveries; each delivery has another. */
  consumerSequence: number;
  /** When it was stored, in milliseconds since the epoch. */
  storedMs: number;
  /** Events after this one that wait at the consumer. */
  pending: number;
}

/** Undefined when the subject is none of JetStream's. */
export function parseDelivery(reply: string | undefined): DeliveryInfo | undefined {
  const tokens = reply?.split(".") ?? [];
  if (tokens[0] !== "$JS" || tokens[1] !== "ACK") return undefined;
  // Nine tokens, or with domain and account hash eleven and more.
  const at = tokens.length === 9 ? 4 : 6;
  const [attempt, sequence, consumerSequence, nanos, pending] = tokens.slice(at, at + 5).map(Number);
  if (!attempt || !sequence || !consumerSequence || !nanos || pending === undefined || Number.isNaN(pending))
    return undefined;
  return { attempt, sequence, consumerSequence, storedMs: nanos / 1e6, pending };
}

const encoder = new TextEncoder();

/** Answers to a delivered message. */
export const ACK = encoder.encode("+ACK");
export const IN_PROGRESS = encoder.encode("+WPI");
/** Not to be delivered again; the reason goes into the server's advisory. */
export const terminate = (reason: string) => encoder.encode(`+TERM ${reason}`);
/** To be delivered again after `delayMs`. */
export const retryIn = (delayMs: number) =>
  encoder.encode(delayMs > 0 ? `-NAK {"delay":${Math.round(delayMs * 1e6)}}` : "-NAK");
