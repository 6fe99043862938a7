import { z } from "zod";
import { EventType } from "../names.ts";

/** CloudEvents 1.0, NATS binding, binary mode: every attribute is a header `ce-<name>`. */
export const CE_PREFIX = "ce-";
export const SPEC_VERSION = "1.0";

/** Extension attributes set by the runtime from the event in hand (CloudEvents names: lower-case letters and digits). */
export const EXTENSIONS = {
  /** Id of the event that began it all. */
  correlation: "correlationid",
  /** Id of the event that directly caused this one. */
  causation: "causationid",
  user: "userid",
  /** Events between the root and this one. */
  hops: "hops",
  partitionKey: "partitionkey",
  /** W3C trace context. */
  traceParent: "traceparent",
  traceState: "tracestate",
} as const;

/** Beyond this many hops an event is dead-lettered: loops end. */
export const MAX_HOPS = 64;

/** Headers of a dead letter, beside the event's own. */
export const DEAD_LETTER_HEADERS = {
  reason: "Vextir-Reason",
  error: "Vextir-Error",
  attempts: "Vextir-Attempts",
  subscription: "Vextir-Subscription",
  /** The subject that the event had. */
  subject: "Vextir-Subject",
  /** Its sequence in the stream EVENTS. */
  sequence: "Vextir-Sequence",
  /** How often it was redriven before; absent: never. */
  redrives: "Vextir-Redrives",
  /** `true`: it has not the event's data, which is too large to be kept with it. */
  cut: "Vextir-Cut",
} as const;

/** Headers of an event in the stream DIRECTED, beside its own. Only the operator writes there. */
export const DIRECTED_HEADERS = {
  /** Id of the replay or redrive. */
  replay: "Vextir-Replay",
  /** The subject that the event had. */
  subject: "Vextir-Subject",
  /** `Replay` or `Redrive`. */
  kind: "Vextir-Replay-Kind",
  /** The event's sequence in the stream EVENTS. */
  sequence: "Vextir-Sequence",
  /** When the bus stored the event, in milliseconds since the epoch. */
  storedMs: "Vextir-Stored-Ms",
  /** Attempts that had failed when it became a dead letter. */
  attempts: "Vextir-Attempts",
  /** How often it was redriven, this time included. */
  redrives: "Vextir-Redrives",
} as const;

/** Headers of a call; its lineage travels as an event's does. */
export const CALL_HEADERS = {
  /** How long the caller waits for the answer, in milliseconds. */
  timeoutMs: "Vextir-Timeout-Ms",
  /** Set: the method is not run, what the manifest says of it is answered (an array of `Method`). */
  describe: "Vextir-Describe",
} as const;

/** Headers of a call's answer that is an error. */
export const ERROR_HEADERS = { code: "Vextir-Error-Code", message: "Vextir-Error-Message" } as const;

const AttributeName = z.string().regex(/^[a-z0-9]{1,64}$/, "lower-case letters and digits");

/** A CloudEvent 1.0 in the JSON event format (section 3 of its specification). */
export const CloudEvent = z
  .object({
    specversion: z.literal(SPEC_VERSION),
    id: z.string().min(1).max(256),
    source: z.string().min(1).max(1_024),
    type: EventType,
    subject: z.string().min(1).max(1_024).optional(),
    time: z.iso.datetime({ offset: true }).optional(),
    datacontenttype: z.string().min(1).max(256).optional(),
    dataschema: z.url().max(1_024).optional(),
    data: z.unknown().optional(),
    data_base64: z.base64().optional(),
  })
  .catchall(z.union([z.string().max(4_096), z.number(), z.boolean()]))
  .superRefine((event, context) => {
    for (const name of Object.keys(event)) {
      if (name !== "data_base64" && !AttributeName.safeParse(name).success)
        context.addIssue({
          code: "custom",
          path: [name],
          message: "attribute names are lower-case letters and digits",
        });
    }
    if (event.data !== undefined && event.data_base64 !== undefined)
      context.addIssue({
        code: "custom",
        path: ["data_base64"],
        message: "data and data_base64 exclude each other",
      });
  });
export type CloudEvent = z.infer<typeof CloudEvent>;

/** With `CALL_HEADERS.describe` it stands for all of a driver's methods: whoever is granted `<driver>.*` may ask for it, others may not. */
export const METHODS = "_";
