/** An event in hand: a CloudEvent 1.0 as it was stored. Immutable. */
export interface Event<T = unknown> {
  readonly id: string;
  readonly type: string;
  /** The driver that put it on the bus, by the server's word. */
  readonly publisher: string;
  /** What the publisher says of its origin: data, not proof. */
  readonly source: string;
  /** CloudEvents `subject`: what the event is about. */
  readonly subject?: string;
  /** RFC 3339. */
  readonly time: string;
  /** Parsed JSON; text as string, other content as Uint8Array, undefined when there is none. */
  readonly data: T;
  readonly dataContentType?: string;
  readonly dataSchema?: string;
  /** Id of the event that began it all: its own when it is the first. */
  readonly correlationId: string;
  /** Id of the event that directly caused it. */
  readonly causationId?: string;
  readonly userId?: string;
  /** Events between the root and this one. */
  readonly hops: number;
  readonly partitionKey?: string;
  /** W3C trace context, of whoever made the event: data, as all that it says. */
  readonly traceParent?: string;
  readonly traceState?: string;
  /** Further attributes, by CloudEvents name. */
  readonly extensions: Readonly<Record<string, string>>;
  /** 0 to 63; events of one partition key share one. */
  readonly partition: number;
  /** In the stream; 0 for what was observed, where the bus does not say. */
  readonly sequence: number;
  /** It was sent to this driver again; absent: it came by itself. */
  readonly replay?: Replay;
}

/** Why an event comes again, by the operator's word. Its id is that of the first time, so what was done `once` by it stays done. */
export interface Replay {
  readonly id: string;
  /** `Replay`: of the history. `Redrive`: of the dead letters. */
  readonly kind: "Replay" | "Redrive";
  /** Attempts that had failed when it became a dead letter; 0 for what is replayed. */
  readonly attempts: number;
  /** How often it was redriven, this time included; 0 for what is replayed. */
  readonly redrives: number;
}

/** What links an event or a call to what came before; an `Event` is one. */
export interface Lineage {
  readonly id?: string;
  readonly correlationId?: string;
  readonly userId?: string;
  readonly hops?: number;
  readonly partitionKey?: string;
  readonly traceParent?: string;
  readonly traceState?: string;
}

export interface PublishOptions {
  /** Default: a random UUID. */
  id?: string;
  /** URI reference; default `/<namespace>/<driver>`. */
  source?: string;
  subject?: string;
  time?: Date | string;
  /** Events of one key keep their order; default: the cause's, else none. */
  partitionKey?: string;
  userId?: string;
  /** Default `application/json`; bytes and text of other types are sent as they are. */
  dataContentType?: string;
  dataSchema?: string;
  /** Further CloudEvents attributes: lower-case letters and digits. */
  extensions?: Readonly<Record<string, string | number | boolean>>;
  /** The event in hand: its correlation, causation, user, hops, key and trace go on. */
  cause?: Lineage;
  /** The bus drops a second event with this id within its duplicate window. Must not be guessable by others; default random. */
  messageId?: string;
}

export interface Published {
  id: string;
  /** In the stream EVENTS. */
  sequence: number;
  /** The bus had an event of this `messageId` already. */
  duplicate: boolean;
}

export type Publish = (type: string, data?: unknown, options?: PublishOptions) => Promise<Published>;

/** A live message of another driver: ephemeral, never stored. */
export interface LiveMessage<T = unknown> {
  readonly publisher: string;
  readonly topic: string;
  readonly data: T;
}
