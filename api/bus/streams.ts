/** Names of the streams and consumers of a tenant's bus account; what each stream holds is in `streamsFor` of the operator. */
export const streams = {
  events: "EVENTS",
  deadLetters: "DEADLETTERS",
  /** What became of each delivery, as the runtimes tell it. */
  handlings: "HANDLINGS",
  /** Events that the operator sends to one driver: replayed, or redriven from the dead letters. What was handled is gone from it. */
  directed: "DIRECTED",
  /** What the server tells of events that it has given up on. */
  advisories: "ADVISORIES",
  /** The stream under a driver's own bucket (the KV convention of NATS, ADR-8). */
  state: (driver: string) => `KV_${driver}`,
} as const;

/** What a subscription brings, and the stream that it comes from. */
export type Origin = "Events" | "Handlings";
export const streamOf = ({ from }: { from: Origin }) =>
  from === "Handlings" ? streams.handlings : streams.events;

/**
 * The durable pull consumer of a subscription. Neither name may contain `_`, so the pair can be read back and no two
 * drivers share a consumer (`a` + `b-c` is not `a-b` + `c`).
 */
export const consumerName = (driver: string, subscription: string) => `${driver}_${subscription}`;
