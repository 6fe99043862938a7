import { setTimeout as delay } from "node:timers/promises";
import {
  type Authenticator,
  type ConnectionOptions,
  connect,
  type NatsConnection,
} from "@nats-io/transport-node";
import { BusError } from "./authority.ts";
import type { BusUser } from "./realm.ts";

/** Where the bus is. */
export interface BusEndpoint {
  /** `nats://` URLs. */
  servers: readonly string[];
  /** Absent: no TLS, for loopback only. */
  tls?: { caFile: string };
}

/** The part of a pino logger that the bus uses. */
export interface BusLog {
  info(about: object, message: string): void;
  warn(about: object, message: string): void;
}

export interface BusConnectionOptions {
  endpoint: BusEndpoint;
  /** Shown in the server's list of connections. */
  name: string;
  user: () => BusUser;
  log: BusLog;
  /** A new connection stands: subscribe here. */
  opened?: (connection: NatsConnection) => void;
  /** The bus is there again after it was away, with whatever state it has now. */
  returned?: () => void;
}

const CONNECT_TIMEOUT_MS = 5_000;
const DRAIN_MS = 1_000;
const RETRY_MS = { first: 100, last: 5_000 };

/** Options that every connection of the bus authority shares: it reconnects for ever. */
export function connectionOptions(
  endpoint: BusEndpoint,
  name: string,
  user: () => BusUser,
): ConnectionOptions {
  return {
    servers: [...endpoint.servers],
    name,
    authenticator: userAuthenticator(user),
    timeout: CONNECT_TIMEOUT_MS,
    maxReconnectAttempts: -1,
    // Without it the client closes for good after two refusals, for example by a server that is still loading accounts.
    ignoreAuthErrorAbort: true,
    reconnectTimeWait: 250,
    reconnectJitter: 250,
    pingInterval: 20_000,
    tls: endpoint.tls ? { caFile: endpoint.tls.caFile } : null,
  };
}

/**
 * A connection for what is asked now: once it is lost that fails at once, not in time.
 * @throws BusError `Unavailable`, that it has not `what`.
 */
export async function connectOnce(
  endpoint: BusEndpoint,
  name: string,
  user: () => BusUser,
  what: string,
): Promise<NatsConnection> {
  try {
    return await connect({ ...connectionOptions(endpoint, name, user), reconnect: false });
  } catch (cause) {
    throw new BusError("Unavailable", `no connection to ${what}: ${cause}`, { cause });
  }
}

function userAuthenticator(user: () => BusUser): Authenticator {
  return (nonce) => {
    const { jwt, key } = user();
    return nonce ? { jwt, sig: key.sign(nonce).toString("base64url") } : { jwt };
  };
}

/**
 * A connection that is wanted as long as the process lives: opened in the background, opened again when the client gives
 * it up. States: connecting -> online <-> offline -> (closed -> connecting); stopped.
 */
export class BusConnection {
  readonly #options: BusConnectionOptions;
  readonly #stopped = new AbortController();
  #online = Promise.withResolvers<NatsConnection>();
  /** While it is online. */
  #connection: NatsConnection | undefined;
  /** The same while it is offline too: the client tries by itself to come back. */
  #client: NatsConnection | undefined;
  #lastFailure: unknown;
  readonly #done: Promise<void>;

  constructor(options: BusConnectionOptions) {
    this.#options = options;
    this.#done = this.keepOpen();
  }

  get isOnline(): boolean {
    return this.#connection !== undefined;
  }

  /** The connection, as soon as it is online. @throws BusError `Unavailable` when it is not within the time. */
  async get(timeoutMs = 3_000): Promise<NatsConnection> {
    const timer = new AbortController();
    const signal = AbortSignal.any([timer.signal, this.#stopped.signal]);
    const late = delay(timeoutMs, undefined, { signal, ref: false }).catch(() => undefined);
    const connection = await Promise.race([this.#online.promise, late]).finally(() => timer.abort());
    if (connection) return connection;
    const { endpoint, name } = this.#options;
    throw new BusError(
      "Unavailable",
      `no connection of "${name}" to the bus at ${endpoint.servers.join(", ")}`,
      {
        cause: this.#lastFailure,
      },
    );
  }

  /** What has arrived is still handled, for a moment. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    const connection = this.#connection;
    const late = delay(DRAIN_MS, undefined, { ref: false });
    await Promise.race([connection?.drain().catch(() => {}), late]);
    await this.#client?.close();
    await this.#done;
  }

  private async keepOpen(): Promise<void> {
    let wait = RETRY_MS.first;
    while (!this.#stopped.signal.aborted) {
      try {
        const connection = await this.open();
        wait = RETRY_MS.first;
        await this.follow(connection);
      } catch (error) {
        this.failed(error);
      }
      await delay(wait * (0.5 + Math.random() / 2), undefined, { signal: this.#stopped.signal }).catch(
        () => {},
      );
      wait = Math.min(wait * 2, RETRY_MS.last);
    }
  }

  private async open(): Promise<NatsConnection> {
    const { endpoint, name, user, opened } = this.#options;
    const connection = await connect(connectionOptions(endpoint, name, user));
    if (this.#stopped.signal.aborted) {
      // Nothing would tell of its end later.
      await connection.close();
      throw new BusError("Unavailable", `"${name}" was stopped while it connected`);
    }
    opened?.(connection);
    return connection;
  }

  /** Until the client gives the connection up. */
  private async follow(connection: NatsConnection): Promise<void> {
    this.#client = connection;
    this.setOnline(connection);
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.setOffline("disconnected");
      if (status.type === "reconnect") this.setOnline(connection);
    }
    const reason = await connection.closed();
    this.setOffline("closed");
    if (reason) throw reason;
  }

  private setOnline(connection: NatsConnection) {
    this.#connection = connection;
    this.#lastFailure = undefined;
    this.#options.returned?.();
    this.#online.resolve(connection);
    this.#options.log.info(
      { connection: this.#options.name, server: connection.getServer() },
      "bus connected",
    );
  }

  private setOffline(why: string) {
    if (!this.#connection) return;
    this.#connection = undefined;
    this.#online = Promise.withResolvers();
    if (!this.#stopped.signal.aborted)
      this.#options.log.warn({ connection: this.#options.name, why }, "bus connection lost");
  }

  /** Logged when the failure is another one than before: a bus that is away for an hour is one line. */
  private failed(error: unknown) {
    this.setOffline("failed");
    const before = this.#lastFailure instanceof Error ? this.#lastFailure.message : undefined;
    this.#lastFailure = error;
    if (error instanceof Error && error.message !== before && !this.#stopped.signal.aborted)
      this.#options.log.warn({ connection: this.#options.name, err: error }, "bus not reachable");
  }
}
