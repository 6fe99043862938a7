import type { Event } from "@vextir/driver-runtime";

/** Where an event stands: the id that streams give. */
export interface Place {
  /** In the bus's stream: what tells before from after. */
  sequence: number;
  /** About when it was stored: what the ledger can look for. */
  ms: number;
}

export const placeText = ({ sequence, ms }: Place) => `${sequence}-${ms}`;

/** Undefined: no id of a stream. */
export function readPlace(text: string): Place | undefined {
  const [, sequence, ms] = /^(\d{1,15})-(\d{1,15})$/.exec(text) ?? [];
  return sequence === undefined ? undefined : { sequence: Number(sequence), ms: Number(ms) };
}

/** Events that came after a place, in order; it goes on with what is recorded later until it is told to return. */
export type Replay = (after: Place) => AsyncIterable<readonly { event: Event; ms: number }[]>;
