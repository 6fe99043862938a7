import type { Import } from "@nats-io/jwt";
import { canonicalJson, type EventBusSpec, quantityBytes, streams } from "@vextir/api";
import { forEachBounded } from "../bounded.ts";
import { bareDriverAccount, busAccount, driverAccount, driverOf } from "./account-claims.ts";
import { AccountStore } from "./account-store.ts";
import { accountTraffic, totalTraffic } from "./account-traffic.ts";
import {
  type BusAuthority,
  BusError,
  consumerKey,
  type DriverAccess,
  type DriverConsumer,
  type DriverIdentity,
  type DriverTraffic,
  type PublishQuota,
  type SharedAccess,
  type TenantBus,
} from "./authority.ts";
import { BusConnection, type BusEndpoint, type BusLog } from "./bus-connection.ts";
import { onBus } from "./bus-failure.ts";
import { importedPeers } from "./imports.ts";
import {
  ensureConsumer,
  ensureStream,
  presentConsumers,
  removeAllStreams,
  removeConsumers,
  removeDirected,
  removeStream,
} from "./jetstream-state.ts";
import type { PinnedIds } from "./pinned-ids.ts";
import type { Realm } from "./realm.ts";
import { RecentSet } from "./recent-set.ts";
import { buryExhausted, type Exhausted } from "./redelivery/exhausted.ts";
import { reloadServer } from "./server-reload.ts";
import { type ServerTrust, serverTrust } from "./server-trust.ts";
import { isSharedImport, sharedImports, sharedPeers } from "./shared-imports.ts";
import {
  advisoriesConsumer,
  bucketStream,
  directedSubscription,
  ownSubscription,
  tenantStreams,
} from "./streams.ts";
import { ensureSubscriptions } from "./subscription-consumers.ts";
import { TenantConnections } from "./tenant-connections.ts";
import { VerifiedState } from "./verified-state.ts";

export interface NatsBusAuthorityOptions extends BusEndpoint {
  realm: Realm;
  pinned: PinnedIds;
  /** Copies of every stream: 1, or 3 on a cluster of three servers. Default: 1. */
  replicas?: 1 | 3;
  /** Connections to tenants' accounts at a time. Default: 32. */
  maxTenantConnections?: number;
  log?: BusLog;
}

/** A tenant as far as its drivers' accounts and buckets depend on it. */
interface KnownTenant {
  accountId: string;
  spec: EventBusSpec;
}

/** At a time. */
const LOOKUPS = 32;
const SILENT: BusLog = { info: () => {}, warn: () => {} };

/** The bus authority over a real nats-server. */
export class NatsBusAuthority implements BusAuthority {
  readonly #realm: Realm;
  readonly #pinned: PinnedIds;
  readonly #replicas: number;
  readonly #connection: BusConnection;
  readonly #accounts: AccountStore;
  readonly #admins: TenantConnections;
  readonly #tenants = new Map<string, KnownTenant>();
  /** Of the drivers that were ensured, by the id of their account. */
  readonly #quotas = new Map<string, DriverIdentity & { quota: PublishQuota }>();
  /** Streams and consumers, by `tenant:<account>` and `driver:<uid>`. */
  readonly #verified = new VerifiedState();
  /** Of the drivers that were ensured, by uid. */
  readonly #consumers = new Map<string, readonly DriverConsumer[]>();
  /** Where consumers that are gone begin again, by the driver's uid, then by consumer. */
  readonly #resumed = new Map<string, ReadonlyMap<string, number>>();
  /** Uids of drivers whose accounts were removed: another driver that may still call them must not bring their accounts back. */
  readonly #removed = new RecentSet(10_000);

  private constructor(options: NatsBusAuthorityOptions) {
    const { realm, pinned, replicas = 1, maxTenantConnections = 32, log = SILENT } = options;
    this.#realm = realm;
    this.#pinned = pinned;
    this.#replicas = replicas;
    this.#connection = new BusConnection({
      endpoint: options,
      name: "vextir-authority",
      user: realm.systemUser,
      log,
      returned: () => {
        this.#accounts.forgetAll();
        this.#verified.clear();
      },
    });
    this.#accounts = new AccountStore(realm, () => this.#connection.get());
    this.#admins = new TenantConnections({ endpoint: options, realm, maxOpen: maxTenantConnections });
  }

  /** Connects in the background, for ever; until then everything that is asked fails with `Unavailable`. */
  static connect(options: NatsBusAuthorityOptions): NatsBusAuthority {
    return new NatsBusAuthority(options);
  }

  get isOnline(): boolean {
    return this.#connection.isOnline;
  }

  async stop(): Promise<void> {
    this.#admins.stop();
    await this.#connection.stop();
  }

  async ensureTenant(bus: TenantBus): Promise<void> {
    const desired = tenantStreams(bus.namespace, bus.spec, this.#replicas);
    await this.checkPayload(bus);
    const accountId = await this.pinnedId(bus);
    await this.#accounts.ensure(busAccount(accountId, bus.namespace));
    await this.once(`tenant:${accountId}`, desired, () =>
      this.#admins.use(accountId, `make the streams of ${bus.namespace}`, async ({ jetstream }) => {
        for (const stream of desired) await ensureStream(jetstream, stream);
        await ensureConsumer(jetstream, advisoriesConsumer(this.#replicas));
      }),
    );
    this.#tenants.set(bus.namespace, { accountId, spec: bus.spec });
  }

  /** Without `deleteStreams` everything stays as it is, for an EventBus that is made again. */
  async removeTenant(bus: TenantBus, deleteStreams: boolean): Promise<void> {
    this.#tenants.delete(bus.namespace);
    const accountId = await this.#pinned.get(bus.namespace);
    if (!accountId || !deleteStreams) return;
    this.#verified.forget(`tenant:${accountId}`);
    if (await this.#accounts.find(accountId)) {
      await this.#admins.use(accountId, `delete the streams of ${bus.namespace}`, ({ jetstream }) =>
        removeAllStreams(jetstream),
      );
      this.#admins.close(accountId);
      await this.#accounts.remove(accountId);
    }
    await this.#pinned.remove(bus.namespace);
  }

  async ensureDriver(access: DriverAccess): Promise<void> {
    const tenant = this.#tenants.get(access.namespace);
    if (!tenant)
      throw new BusError(
        "Unavailable",
        `the bus of namespace ${access.namespace} is not ready: its EventBus comes first`,
      );
    this.#removed.delete(access.uid);
    const present = this.withoutRemoved(access);
    const buses = await this.busesOf(present);
    // What can't be expressed is found before anything is changed.
    const subscriptions = present.subscriptions.flatMap((subscription) => [
      ownSubscription(present, subscription, this.#replicas),
      directedSubscription(present, subscription, this.#replicas),
    ]);
    const account = driverAccount(
      this.#realm.driverAccount(present.uid).id,
      present,
      {
        bus: tenant.accountId,
        vextir: this.#realm.vextir.id,
        driver: (uid) => this.#realm.driverAccount(uid).id,
        busOf: (namespace) => buses.get(namespace),
      },
      tenant.spec,
    );
    await this.ensurePeers(present, tenant);
    // First what the imports lead to, so that a pod which sees its grants finds its consumers and bucket too.
    const bucket = present.capabilities.state
      ? bucketStream(present.name, tenant.spec, this.#replicas)
      : undefined;
    await this.once(`driver:${present.uid}`, { subscriptions, bucket }, () =>
      this.#admins.use(tenant.accountId, `make consumers and bucket of ${nameOf(present)}`, async (admin) => {
        const resumed = this.#resumed.get(present.uid);
        await Promise.all([
          ensureSubscriptions(admin, {
            desired: subscriptions,
            isOwn: isOwnConsumer(present),
            ackedUpTo: (consumer) => resumed?.get(consumerKey(consumer)) || undefined,
          }),
          // A grant that is taken away leaves the data; it goes with the Driver.
          ...(bucket ? [ensureStream(admin.jetstream, bucket)] : []),
        ]);
        // What was seen to be gone meanwhile is for the next run.
        if (this.#resumed.get(present.uid) === resumed) this.#resumed.delete(present.uid);
      }),
    );
    await this.#accounts.ensure(account);
    const { namespace, name, uid } = present;
    this.#consumers.set(
      uid,
      subscriptions
        .flatMap(({ consumers }) => consumers)
        .map(({ stream, config }) => ({
          ...{ stream, name: config.name },
          filterSubjects: config.filter_subjects ?? [],
        })),
    );
    this.#quotas.set(account.id, { namespace, name, uid, quota: publishQuota(tenant.spec, present) });
  }

  consumersOf(uid: string): readonly DriverConsumer[] | undefined {
    return this.#consumers.get(uid);
  }

  consumersGone({ uid }: DriverIdentity, ackedUpTo: ReadonlyMap<string, number>): void {
    this.#resumed.set(uid, ackedUpTo);
    this.#verified.forget(`driver:${uid}`);
  }

  async limitShared(access: SharedAccess): Promise<void> {
    const { id } = this.#realm.driverAccount(access.uid);
    const buses = await this.busesOf(access);
    const allowed = new Set(this.allowedOfOthers(access, buses).map(canonicalJson));
    await this.#accounts.resign(
      id,
      ({ name }) => this.isOwn(name),
      (claims) => ({
        ...claims,
        ...(claims.imports && {
          imports: claims.imports.filter((one) => !isSharedImport(one) || allowed.has(canonicalJson(one))),
        }),
      }),
    );
  }

  tenants(): string[] {
    return [...this.#tenants.keys()];
  }

  async buryExhausted(namespace: string): Promise<readonly Exhausted[]> {
    const tenant = this.#tenants.get(namespace);
    if (!tenant) return [];
    return this.#admins.use(tenant.accountId, `keep what it has given up on in ${namespace}`, (admin) =>
      buryExhausted(admin, (what) => this.#realm.messageId(`${tenant.accountId} ${what}`)),
    );
  }

  async totalTraffic() {
    const sentBytes = await onBus("read what is sent", async () =>
      totalTraffic(await this.#connection.get()),
    );
    const bursts = [...this.#quotas.values()].map(({ quota }) => quota.burstBytes);
    return { sentBytes, smallestBurstBytes: Math.min(...bursts) };
  }

  async traffic(): Promise<readonly DriverTraffic[]> {
    const connection = await this.#connection.get();
    const sent = await onBus("read what drivers have sent", () =>
      accountTraffic(connection, [...this.#quotas.keys()]),
    );
    return [...sent].flatMap(([id, sentBytes]) => {
      const driver = this.#quotas.get(id);
      return driver ? [{ ...driver, sentBytes }] : [];
    });
  }

  async removeDriver(driver: DriverIdentity): Promise<void> {
    // First the account: nobody uses what goes next.
    await this.removeDriverAccount(driver);
    const accountId =
      this.#tenants.get(driver.namespace)?.accountId ?? (await this.#pinned.get(driver.namespace));
    if (!accountId || !(await this.#accounts.find(accountId))) return;
    await this.#admins.use(accountId, `delete consumers and bucket of ${nameOf(driver)}`, async (admin) => {
      await removeConsumers(admin, await presentConsumers(admin, isOwnConsumer(driver)));
      // A successor of that name is not meant.
      await removeDirected(admin.jetstream, driver.name);
      await removeStream(admin.jetstream, streams.state(driver.name));
    });
  }

  /** Lets the server with this id read its files again. @throws BusError */
  async reloadServer(serverId: string): Promise<void> {
    await reloadServer(await this.#connection.get(), serverId);
  }

  /** Ids of all accounts. */
  accountIds(): Promise<string[]> {
    return this.#accounts.list();
  }

  /** Whose accounts these are, without those of the drivers with these uids, which need no asking. */
  async driversOf(
    accountIds: readonly string[],
    except: ReadonlySet<string> = new Set(),
  ): Promise<DriverIdentity[]> {
    const { system, auth, vextir } = this.#realm;
    const known = new Set([system.id, auth.id, vextir.id]);
    for (const uid of except) known.add(this.#realm.driverAccount(uid).id);
    const drivers: DriverIdentity[] = [];
    const unknown = accountIds.filter((id) => !known.has(id));
    await forEachBounded(unknown, LOOKUPS, async (id) => {
      const account = await this.#accounts.lookup(id);
      const driver = account && driverOf(account.name);
      if (driver) drivers.push(driver);
    });
    return drivers;
  }

  /** Makes the accounts of the realm itself be as they are now. */
  async ensureRealm(): Promise<void> {
    const { system, auth, vextir } = this.#realm;
    for (const { id, name, claims } of [system, auth, vextir])
      await this.#accounts.ensure({ id, name, claims });
  }

  /** Signs accounts anew with the keys of now: these, or all, those of the realm first. @returns how many changed. */
  async resignAccounts(ids?: readonly string[]): Promise<number> {
    if (!ids) await this.ensureRealm();
    let changed = 0;
    await forEachBounded(ids ?? (await this.accountIds()), LOOKUPS, async (id) => {
      if (await this.#accounts.resign(id, ({ name }) => this.isOwn(name))) changed++;
    });
    return changed;
  }

  /** Which operator each server knows that answers. */
  async serverTrust(): Promise<ServerTrust[]> {
    return serverTrust(await this.#connection.get());
  }

  async listDriverAccounts(): Promise<DriverIdentity[]> {
    return this.driversOf(await this.accountIds());
  }

  /** The account alone: consumers and bucket go by the driver's name and may by now be those of its successor. */
  async removeDriverAccount(driver: DriverIdentity): Promise<void> {
    this.#removed.add(driver.uid);
    this.#verified.forget(`driver:${driver.uid}`);
    const { id } = this.#realm.driverAccount(driver.uid);
    this.#quotas.delete(id);
    this.#consumers.delete(driver.uid);
    this.#resumed.delete(driver.uid);
    await this.#accounts.remove(id);
  }

  async removeDriverAccounts(drivers: readonly DriverIdentity[]): Promise<void> {
    for (const { uid } of drivers) {
      this.#removed.add(uid);
      this.#verified.forget(`driver:${uid}`);
    }
    await this.#accounts.removeAll(drivers.map(({ uid }) => this.#realm.driverAccount(uid).id));
  }

  private allowedOfOthers(access: SharedAccess, buses: ReadonlyMap<string, string>): Import[] {
    try {
      return sharedImports(access, {
        driver: (uid) => this.#realm.driverAccount(uid).id,
        busOf: (namespace) => buses.get(namespace),
      });
    } catch (error) {
      if (error instanceof BusError && error.code === "Invalid") return [];
      throw error;
    }
  }

  /** An account of ours that may be pushed: a removed driver's must not be brought back. */
  private isOwn(accountName: string): boolean {
    const driver = driverOf(accountName);
    return driver ? !this.#removed.has(driver.uid) : accountName.startsWith("bus/");
  }

  /** The account that the tenant's data hangs on. */
  private async pinnedId({ namespace, uid }: TenantBus): Promise<string> {
    const pinned = await this.#pinned.get(namespace);
    if (pinned) return pinned;
    const made = this.#realm.newBusAccountId(uid);
    await this.#pinned.put(namespace, made);
    return made;
  }

  private async checkPayload({ namespace, spec }: TenantBus): Promise<void> {
    const most = (await this.#connection.get()).info?.max_payload;
    if (most === undefined || quantityBytes(spec.maxEventBytes) <= most) return;
    throw new BusError(
      "Invalid",
      `EventBus of ${namespace}: maxEventBytes is ${spec.maxEventBytes}, but nats-server's max_payload is ${most} bytes`,
    );
  }

  /** An import from an account that the server has never heard of stays dead, also when the account appears later. */
  private async ensurePeers(access: DriverAccess, tenant: KnownTenant): Promise<void> {
    const { namespace } = access;
    const own = importedPeers(access).map((name) => ({ namespace, name, uid: access.peers.get(name) ?? "" }));
    for (const peer of [...own, ...sharedPeers(access)]) {
      const { spec } = this.#tenants.get(peer.namespace) ?? tenant;
      const account = bareDriverAccount(this.#realm.driverAccount(peer.uid).id, peer, spec);
      await this.#accounts.ensurePresent(account);
      // It may have been removed since this run looked.
      if (this.#removed.has(peer.uid)) await this.#accounts.remove(account.id);
    }
  }

  /** Bus accounts of the tenants that share something, also of those that this process has not looked after yet. */
  private async busesOf({ shared = [] }: SharedAccess): Promise<ReadonlyMap<string, string>> {
    const found = new Map<string, string>();
    for (const { namespace } of shared) {
      const id = this.#tenants.get(namespace)?.accountId ?? (await this.#pinned.get(namespace));
      if (id) found.set(namespace, id);
    }
    return found;
  }

  private withoutRemoved(access: DriverAccess): DriverAccess {
    const there = (peers: DriverAccess["peers"]) =>
      new Map([...peers].filter(([, uid]) => !this.#removed.has(uid)));
    const shared = access.shared?.map((share) => ({ ...share, peers: there(share.peers) }));
    return { ...access, peers: there(access.peers), ...(shared && { shared }) };
  }

  /** Does the work unless its outcome is known to stand. */
  private async once(key: string, desired: unknown, work: () => Promise<void>): Promise<void> {
    if (this.#verified.holds(key, desired)) return;
    await work();
    this.#verified.set(key, desired);
  }
}

function publishQuota({ publishQuota }: EventBusSpec, { quotas }: DriverAccess): PublishQuota {
  const bytesPerSecond = quantityBytes(publishQuota.bytesPerSecond);
  return {
    bytesPerSecond: Math.min(bytesPerSecond, quotas?.publishBytesPerSecond ?? bytesPerSecond),
    burstBytes: quantityBytes(publishQuota.burst),
  };
}

const nameOf = ({ namespace, name }: DriverIdentity) => `driver ${namespace}/${name}`;

/** Neither a driver's nor a subscription's name contains `_`. */
const isOwnConsumer = (driver: DriverIdentity) => (consumer: string) =>
  consumer.split("_")[0] === driver.name;
