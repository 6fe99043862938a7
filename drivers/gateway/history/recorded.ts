import type { Event } from "@vextir/driver-runtime";
import { z } from "zod";

/** An event as the ledger answers with it. */
const Recorded = z.looseObject({
  id: z.string(),
  type: z.string(),
  publisher: z.string(),
  source: z.string(),
  subject: z.string().optional(),
  time: z.string(),
  storedAt: z.string(),
  correlationId: z.string(),
  causationId: z.string().optional(),
  userId: z.string().optional(),
  hops: z.number(),
  partitionKey: z.string().optional(),
  traceParent: z.string().optional(),
  dataContentType: z.string().optional(),
  dataSchema: z.string().optional(),
  extensions: z.record(z.string(), z.string()),
  sequence: z.number(),
  data: z.unknown().optional(),
  dataBase64: z.string().optional(),
  dataOmitted: z.boolean().optional(),
});

export interface RecordedEvent {
  event: Event;
  storedMs: number;
  /** Too large for a page: asked for by itself it comes. */
  dataOmitted: boolean;
}

/** Read back into what the bus once brought. */
export const RecordedEvent = Recorded.transform(
  ({ storedAt, dataBase64, dataOmitted, data, ...rest }): RecordedEvent => ({
    event: {
      ...rest,
      data: dataBase64 === undefined ? data : new Uint8Array(Buffer.from(dataBase64, "base64")),
      partition: 0,
    } as unknown as Event,
    storedMs: Date.parse(storedAt) || 0,
    dataOmitted: dataOmitted === true,
  }),
);

export const Page = z.object({ events: z.array(RecordedEvent), cursor: z.string().optional() });
export type Page = z.output<typeof Page>;

const Handlings = z.array(z.record(z.string(), z.unknown()));

export const Found = z.object({ event: RecordedEvent, handlings: Handlings, others: z.number() });
export type Found = z.output<typeof Found>;

export const Graph = z.object({
  events: z.array(
    z.looseObject({ id: z.string(), type: z.string(), userId: z.string().optional(), handlings: Handlings }),
  ),
  edges: z.array(z.object({ from: z.int(), to: z.int() })),
  focus: z.int(),
  truncated: z.boolean(),
});
export type Graph = z.output<typeof Graph>;
