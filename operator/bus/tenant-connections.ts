import { setTimeout as delay } from "node:timers/promises";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import { BusError } from "./authority.ts";
import { type BusEndpoint, connectOnce } from "./bus-connection.ts";
import { onBus } from "./bus-failure.ts";
import type { Realm } from "./realm.ts";

/** A tenant's JetStream, as its administrator. */
export interface TenantAdmin {
  connection: NatsConnection;
  jetstream: JetStreamManager;
}

interface Entry {
  admin: Promise<TenantAdmin>;
  users: number;
  usedAt: number;
}

export interface TenantConnectionsOptions {
  endpoint: BusEndpoint;
  realm: Realm;
  /** Default: 32. */
  maxOpen?: number;
  /** Unused ones are closed after this; default: one minute. */
  idleMs?: number;
}

const REQUEST_MS = 5_000;
const FREE_WAIT = { tries: 100, intervalMs: 50 };

/** Connections to the tenants' bus accounts, opened when they are needed, at most so many at a time. */
export class TenantConnections {
  readonly #options: Required<TenantConnectionsOptions>;
  readonly #entries = new Map<string, Entry>();
  readonly #sweep: NodeJS.Timeout;

  constructor(options: TenantConnectionsOptions) {
    this.#options = { maxOpen: 32, idleMs: 60_000, ...options };
    this.#sweep = setInterval(() => this.closeIdle(), this.#options.idleMs).unref();
  }

  /** @throws BusError `Unavailable` when the bus is away, or all connections stay in use. */
  async use<T>(accountId: string, doing: string, work: (admin: TenantAdmin) => Promise<T>): Promise<T> {
    const entry = await this.acquire(accountId);
    try {
      return await onBus(doing, async () => work(await entry.admin));
    } finally {
      entry.users--;
      entry.usedAt = performance.now();
    }
  }

  /** The account is gone: so is what is connected to it. */
  close(accountId: string) {
    const entry = this.#entries.get(accountId);
    if (!entry) return;
    this.#entries.delete(accountId);
    void entry.admin.then(
      ({ connection }) => connection.close(),
      () => {},
    );
  }

  stop() {
    clearInterval(this.#sweep);
    for (const id of [...this.#entries.keys()]) this.close(id);
  }

  private async acquire(accountId: string): Promise<Entry> {
    for (let i = 0; i < FREE_WAIT.tries; i++) {
      const open = this.#entries.get(accountId) ?? this.add(accountId);
      if (open) {
        open.users++;
        return open;
      }
      await delay(FREE_WAIT.intervalMs);
    }
    throw new BusError(
      "Unavailable",
      `all ${this.#options.maxOpen} connections to tenants' accounts are in use`,
    );
  }

  /** Undefined when the bound is reached and every connection is in use. */
  private add(accountId: string): Entry | undefined {
    if (this.#entries.size >= this.#options.maxOpen && !this.closeOldest()) return undefined;
    const entry: Entry = { admin: this.open(accountId), users: 0, usedAt: performance.now() };
    this.#entries.set(accountId, entry);
    const gone = () => {
      if (this.#entries.get(accountId) === entry) this.#entries.delete(accountId);
    };
    entry.admin.then(({ connection }) => connection.closed().then(gone, gone), gone);
    return entry;
  }

  private async open(accountId: string): Promise<TenantAdmin> {
    const { endpoint, realm } = this.#options;
    const keys = realm.accountKeys(accountId);
    const user = () => realm.tenantUser(keys);
    // A lost one is opened again when it is needed.
    const connection = await connectOnce(endpoint, "vextir-tenant", user, `account ${accountId} of the bus`);
    return {
      connection,
      jetstream: await jetstreamManager(connection, { checkAPI: false, timeout: REQUEST_MS }),
    };
  }

  private closeOldest(): boolean {
    const idle = [...this.#entries].filter(([, { users }]) => users === 0);
    const oldest = idle.sort(([, a], [, b]) => a.usedAt - b.usedAt)[0];
    if (oldest) this.close(oldest[0]);
    return oldest !== undefined;
  }

  private closeIdle() {
    const before = performance.now() - this.#options.idleMs;
    for (const [id, { users, usedAt }] of this.#entries) if (users === 0 && usedAt < before) this.close(id);
  }
}
