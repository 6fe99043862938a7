import type { Capabilities, EventBusSpec, Subscription } from "@vextir/api";
import type { Exhausted } from "./redelivery/exhausted.ts";

/** A tenant's bus: one namespace, one bus account. `uid` is the EventBus object's. */
export interface TenantBus {
  namespace: string;
  uid: string;
  spec: EventBusSpec;
}

/** Who a driver is on the bus. A driver made again under an old name has another uid, so another account. */
export interface DriverIdentity {
  namespace: string;
  name: string;
  uid: string;
}

/** Bounds of an account that are lower than everybody's. */
export interface AccountQuotas {
  connections?: number;
  /** Of one connection. */
  subscriptions?: number;
  publishBytesPerSecond?: number;
}

/** What a driver may send: a token bucket. */
export interface PublishQuota {
  bytesPerSecond: number;
  burstBytes: number;
}

/** What a driver has sent since some time in the past; less than before: since a later one. */
export interface DriverTraffic extends DriverIdentity {
  sentBytes: number;
  quota: PublishQuota;
}

/** What another tenant exports to a driver's own, and its own imports. */
export interface SharedByTenant {
  namespace: string;
  /** Patterns of types. */
  types: readonly string[];
  /** Patterns of `<driver>.<method>`. */
  methods: readonly string[];
  /** The drivers of that namespace: name -> uid. */
  peers: ReadonlyMap<string, string>;
}

/** What decides what a driver's account has of other tenants. */
export interface SharedAccess extends DriverIdentity {
  capabilities: Pick<Capabilities, "call" | "observe">;
  /** By other tenants; absent: nothing. */
  shared?: readonly SharedByTenant[];
}

/** Everything that decides what a driver's account imports, exports and owns. */
export interface DriverAccess extends SharedAccess {
  subscriptions: readonly Subscription[];
  capabilities: Capabilities;
  /** The tenant's other drivers, by name, as far as calls and live topics are granted: name -> uid. */
  peers: ReadonlyMap<string, string>;
  quotas?: AccountQuotas;
  /** It has sent more than its quota: what others keep is safe from it until it may publish again. */
  publishHeldBack?: boolean;
}

/** A consumer of a driver, and the subjects that it selects of its stream. */
export interface DriverConsumer {
  stream: string;
  name: string;
  filterSubjects: readonly string[];
}

/** Two streams may have consumers of one name. */
export const consumerKey = ({ stream, name }: Pick<DriverConsumer, "stream" | "name">) => `${stream} ${name}`;

/** What reconcilers ask of the bus. Every method is idempotent and safe to repeat after a failure; throws `BusError`. */
export interface BusAuthority {
  /** The tenant's account, streams and limits. */
  ensureTenant(bus: TenantBus): Promise<void>;
  /** With `deleteStreams`, the tenant's data is gone afterwards. */
  removeTenant(bus: TenantBus, deleteStreams: boolean): Promise<void>;
  /** The driver's account (pushed only when it changed, then verified), its consumers and its bucket; superfluous consumers go. */
  ensureDriver(access: DriverAccess): Promise<void>;
  /** Those of a driver that was ensured; undefined: it was not, since this process began. */
  consumersOf(uid: string): readonly DriverConsumer[] | undefined;
  /**
   * Somebody saw that consumers of the driver are gone: `ensureDriver` makes them again, each after what is known to have been
   * acknowledged (sequence in the stream, by `consumerKey`; 0: not known, so at what comes from then on).
   */
  consumersGone(driver: DriverIdentity, ackedUpTo: ReadonlyMap<string, number>): void;
  /** Takes away what the driver's account has of other tenants beyond this, and leaves the rest of it. An absent account is no error. */
  limitShared(access: SharedAccess): Promise<void>;
  /** Deletes consumers, bucket and account: connections are kicked, tokens refused. Absent ones are no error. */
  removeDriver(driver: DriverIdentity): Promise<void>;
  /**
   * The account alone, with the same effect on connections and tokens, until `ensureDriver` brings it back: consumers and bucket of
   * that name stay.
   */
  removeDriverAccount(driver: DriverIdentity): Promise<void>;
  /** Of many at once. It is not looked whether the bus did so: each is to be removed by itself afterwards. */
  removeDriverAccounts(drivers: readonly DriverIdentity[]): Promise<void>;
  /** Of everybody together, and the smallest burst of all drivers that were ensured: whether it is worth to look at each. */
  totalTraffic(): Promise<{ sentBytes: number; smallestBurstBytes: number }>;
  /** Namespaces whose bus was ensured. */
  tenants(): readonly string[];
  /** Makes dead letters of the events that the server has given up on, each once, also those of the time when nobody asked. */
  buryExhausted(namespace: string): Promise<readonly Exhausted[]>;
  /** Of the connected ones among the drivers that were ensured. */
  traffic(): Promise<readonly DriverTraffic[]>;
}

export type BusErrorCode =
  /** The bus doesn't answer; try again. */
  | "Unavailable"
  /** The server refused what was asked; the message says what. */
  | "Refused"
  /** The spec can't be expressed, for example overlapping patterns; trying again is of no use. */
  | "Invalid";

export class BusError extends Error {
  override readonly name = "BusError";
  readonly code: BusErrorCode;
  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
