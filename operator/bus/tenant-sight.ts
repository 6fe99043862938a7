import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { type KnockAnswer, subjects } from "@vextir/api";
import { BusError } from "./authority.ts";
import { BusConnection, type BusEndpoint, type BusLog } from "./bus-connection.ts";
import { type ConsumerLag, type ConsumerRef, listLags, readLag, type StreamLags } from "./consumer-lags.ts";
import type { PinnedIds } from "./pinned-ids.ts";
import type { Realm } from "./realm.ts";

/** What the autoscaler sees and hears of one tenant's bus. Throws `BusError`. */
export interface TenantSight {
  /** Of all consumers of the stream at once. */
  lags(stream: string): Promise<StreamLags>;
  /** Of one; undefined: it is not there. */
  lag(consumer: ConsumerRef): Promise<ConsumerLag | undefined>;
  /** Hears the next message of the subject, once; what is asked afterwards is answered after the listening began. @returns ends it. */
  next(subject: string, heard: () => void): () => void;
  /** Hears every message of the subject. @returns ends it. */
  every(subject: string, heard: (body: Uint8Array) => void): () => void;
  close(): Promise<void>;
}

export interface SightEvents {
  /** A caller waits for the driver. @returns whether it is one that may sleep, which the caller is told. */
  knocked: (driver: string) => boolean;
  /** The connection stands, for the first time or again: what was said meanwhile is lost. */
  returned: () => void;
}

export interface TenantSights {
  /** Of a tenant whose bus is there. Close it. @throws BusError `Unavailable`. */
  open(namespace: string, events: SightEvents): Promise<TenantSight>;
}

export interface NatsTenantSightsOptions extends BusEndpoint {
  realm: Realm;
  pinned: PinnedIds;
  log: BusLog;
}

/** Tenants looked at; each takes a connection. */
const MAX_OPEN = 10_000;

export class NatsTenantSights implements TenantSights {
  readonly #options: NatsTenantSightsOptions;
  #open = 0;

  constructor(options: NatsTenantSightsOptions) {
    this.#options = options;
  }

  async open(namespace: string, events: SightEvents): Promise<TenantSight> {
    const { realm, pinned, log } = this.#options;
    const account = await pinned.get(namespace);
    if (!account) throw new BusError("Unavailable", `namespace ${namespace} has no bus yet`);
    if (this.#open >= MAX_OPEN)
      throw new BusError("Unavailable", `${MAX_OPEN} tenants are looked at already`);
    this.#open++;
    return new NatsTenantSight(events, {
      closed: () => this.#open--,
      connect: (opened, returned) =>
        new BusConnection({
          endpoint: this.#options,
          name: `vextir-scaling ${namespace}`,
          user: () => realm.scalingUser(realm.accountKeys(account)),
          log: { info: () => {}, warn: (about, message) => log.warn({ ...about, namespace }, message) },
          opened,
          returned,
        }),
    });
  }
}

interface Wiring {
  connect: (opened: (connection: NatsConnection) => void, returned: () => void) => BusConnection;
  closed: () => void;
}

interface Listening {
  subject: string;
  once: boolean;
  /** Who hears it. */
  heard: Set<(body: Uint8Array) => void>;
  subscription: Subscription | undefined;
}

class NatsTenantSight implements TenantSight {
  readonly #events: SightEvents;
  readonly #bus: BusConnection;
  readonly #closed: () => void;
  readonly #listenings = new Set<Listening>();
  /** Of those, the ones that end with the next message; by subject. */
  readonly #sleepers = new Map<string, Listening>();
  #connection: NatsConnection | undefined;

  constructor(events: SightEvents, { connect, closed }: Wiring) {
    this.#events = events;
    this.#closed = closed;
    this.#bus = connect(
      (connection) => this.#opened(connection),
      () => events.returned(),
    );
  }

  async lags(stream: string): Promise<StreamLags> {
    return listLags(await this.#bus.get(), stream);
  }

  async lag(consumer: ConsumerRef): Promise<ConsumerLag | undefined> {
    return readLag(await this.#bus.get(), consumer);
  }

  /** Many sleepers of one type are woken by one message. */
  next(subject: string, heard: () => void): () => void {
    const shared = this.#sleepers.get(subject) ?? this.#begin({ subject, once: true, heard: new Set() });
    this.#sleepers.set(subject, shared);
    return this.#hear(shared, heard);
  }

  every(subject: string, heard: (body: Uint8Array) => void): () => void {
    return this.#hear(this.#begin({ subject, once: false, heard: new Set() }), heard);
  }

  async close(): Promise<void> {
    this.#listenings.clear();
    this.#sleepers.clear();
    await this.#bus.stop();
    this.#closed();
  }

  #begin(begun: Omit<Listening, "subscription">): Listening {
    const listening = { ...begun, subscription: undefined };
    this.#listenings.add(listening);
    if (this.#connection && !this.#connection.isClosed()) this.#subscribe(this.#connection, listening);
    return listening;
  }

  /** The last one who hears no more ends it. */
  #hear(listening: Listening, heard: (body: Uint8Array) => void): () => void {
    listening.heard.add(heard);
    return () => {
      listening.heard.delete(heard);
      if (listening.heard.size > 0 || !this.#forget(listening)) return;
      if (!this.#connection?.isClosed()) listening.subscription?.unsubscribe();
    };
  }

  /** False: it had ended already. */
  #forget(listening: Listening): boolean {
    if (this.#sleepers.get(listening.subject) === listening) this.#sleepers.delete(listening.subject);
    return this.#listenings.delete(listening);
  }

  /** The client gave its connection up, and this is another one, which listens to nothing yet. */
  #opened(connection: NatsConnection): void {
    this.#connection = connection;
    for (const listening of this.#listenings) this.#subscribe(connection, listening);
    connection.subscribe(subjects.wake("*"), {
      callback: (error, message) => {
        if (!error) this.#knock(message);
      },
    });
  }

  /** With `max` the server itself ends it: a type with many events costs one message. */
  #subscribe(connection: NatsConnection, listening: Listening): void {
    listening.subscription = connection.subscribe(listening.subject, {
      ...(listening.once && { max: 1 }),
      callback: (error, message) => {
        if (error || !this.#listenings.has(listening)) return;
        if (listening.once) this.#forget(listening);
        for (const heard of [...listening.heard]) heard(message.data);
      },
    });
  }

  #knock(message: Msg): void {
    const driver = message.subject.slice(message.subject.indexOf(".") + 1);
    const wakes = this.#events.knocked(driver);
    if (message.reply) message.respond(JSON.stringify({ wakes } satisfies KnockAnswer));
  }
}
